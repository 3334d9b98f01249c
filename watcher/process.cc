#include "watcher/process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "common/base/space.h"
#include "common/base/strings.h"

namespace waxwing {

namespace {

int pidfd_open(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

// Runs in the child between fork and exec: system calls only.
[[noreturn]] void become(char* const* arguments, int output, const char* directory) {
  ::setsid();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2}) ::signal(number, SIG_DFL);
  const int null = ::open("/dev/null", O_RDWR);
  if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) ::_exit(126);
  if (::chdir(directory) != 0) ::_exit(126);
  ::execv(arguments[0], arguments);
  const char* why = ::strerror(errno);
  for (const char* text : {"cannot start ", static_cast<const char*>(arguments[0]), ": ", why, "\n"}) {
    if (::write(2, text, ::strlen(text)) < 0) break;
  }
  ::_exit(127);
}

}  // namespace

Result<Process> Process::start(const std::vector<std::string>& command, const std::string& log_file,
                               const std::string& working_directory) {
  auto words = open_file(log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
  // A full disk costs the words, not the service.
  if (!words && is_no_space(words.error())) words = open_file("/dev/null", O_WRONLY);
  TRY(const UniqueFd output, std::move(words));
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(system_error("fork for " + command[0], errno));
  if (pid == 0) become(arguments.data(), output.get(), working_directory.c_str());
  Process process;
  process.pid_ = pid;
  // The child cannot be gone for good before it is reaped, so this is never another process.
  process.pidfd_.reset(pidfd_open(pid));
  if (!process.pidfd_) return std::unexpected(system_error("pidfd_open", errno));
  ::fcntl(process.pidfd_.get(), F_SETFD, FD_CLOEXEC);
  return process;
}

std::optional<Process> Process::adopt(pid_t pid, const std::string& program,
                                      const std::string& instance_root) {
  if (pid <= 1) return std::nullopt;
  Process process;
  process.pid_ = pid;
  process.pidfd_.reset(pidfd_open(pid));  // before looking: what is looked at is what is held
  if (!process.pidfd_) return std::nullopt;
  const auto line = read_file(fmt::format("/proc/{}/cmdline", pid), 1 << 20);
  if (!line) return std::nullopt;
  // The program is the first word, or the second where an interpreter runs it.
  const auto words = split(*line, '\0');
  bool of_instance = false, is_program = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    of_instance = of_instance || words[i] == instance_root || words[i].starts_with(instance_root + "/");
    is_program = is_program || (i < 2 && words[i].substr(words[i].rfind('/') + 1) == program);
  }
  if (!of_instance || !is_program) {
    ::waitpid(pid, nullptr, WNOHANG);  // a child that ended while watcher became a new program
    return std::nullopt;
  }
  process.adopted_ = true;
  return process;
}

std::int64_t Process::age_ms() const {
  const auto text = read_file(fmt::format("/proc/{}/stat", pid_), 4096);
  const auto name_end = text ? text->rfind(')') : std::string::npos;  // the name may have blanks in it
  if (name_end == std::string::npos) return 0;
  const auto words = split_words(std::string_view(*text).substr(name_end + 1));
  constexpr std::size_t kStartTime = 19;  // field 22 of proc(5), the third being the first word here
  const auto ticks = words.size() > kStartTime ? to_number<std::int64_t>(words[kStartTime]) : std::nullopt;
  timespec now{};
  if (!ticks || ::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
  return std::max<std::int64_t>(
      0, now.tv_sec * 1000 + now.tv_nsec / 1'000'000 - *ticks * 1000 / ::sysconf(_SC_CLK_TCK));
}

void Process::signal(int number) const {
  if (pidfd_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

std::string Process::reap() {
  int status = 0;
  // An adopted one is our child when an earlier program of this very process started it.
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return "ended";
  if (WIFEXITED(status)) return fmt::format("exit status {}", WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  return fmt::format("killed by signal {} ({}){}", number, ::strsignal(number),
                     WCOREDUMP(status) ? ", core dumped" : "");
}

}  // namespace waxwing
