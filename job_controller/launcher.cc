#include "job_controller/launcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "common/base/file.h"
#include "common/base/path.h"
#include "common/base/strings.h"

extern char** environ;

namespace waxwing::job_controller {

Result<std::vector<std::string>> resolve_command(const std::string& root, const std::string& command) {
  std::vector<std::string> argv;
  for (const auto word : split_words(command)) argv.emplace_back(word);
  if (argv.empty()) return permanent("the command is empty");
  auto& program = argv.front();
  for (const std::string_view prefix : {"IMTA_EXE:", "IMTA_BIN:", "IMTA_LIB:"})
    if (istarts_with(program, prefix)) program.erase(0, prefix.size());
  if (program.starts_with('/')) {
    if (::access(program.c_str(), X_OK) != 0) return permanent("no program " + program);
    return argv;
  }
  for (const auto& folder : {root + "/bin", program_directory()}) {
    const auto path = folder + "/" + program;
    if (::access(path.c_str(), X_OK) == 0) {
      program = path;
      return argv;
    }
  }
  return permanent("no program " + program + " in " + root + "/bin or " + program_directory());
}

namespace {
Task<void> wait_for_end(EventLoop& loop, pid_t pid, UniqueFd watch,
                        std::function<void(bool, std::string)> ended) {
  co_await loop.readable(watch.get(), -1);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  ended(clean, WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                   : fmt::format("exit {}", WEXITSTATUS(status)));
}

std::vector<std::string> merged_environment(const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<std::string> merged;
  for (char** row = environ; *row != nullptr; ++row) {
    const std::string_view text = *row;
    bool replaced = false;
    for (const auto& [name, value] : more) replaced |= text.starts_with(name + "=");
    if (!replaced) merged.emplace_back(text);
  }
  for (const auto& [name, value] : more) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  for (const auto& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}
}  // namespace

Result<pid_t> launch(EventLoop& loop, const std::vector<std::string>& argv,
                     const std::vector<std::pair<std::string, std::string>>& environment,
                     std::function<void(bool, std::string)> ended) {
  const auto variables = merged_environment(environment);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  sigset_t defaults;
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGPIPE);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, argv[0].c_str(), &actions, &attributes, pointers(argv).data(),
                                  pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return std::unexpected(system_error("cannot start " + argv[0], error));
  UniqueFd watch(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!watch) {
    const int problem = errno;
    ::kill(pid, SIGTERM);
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(system_error("cannot watch " + argv[0], problem));
  }
  spawn(wait_for_end(loop, pid, std::move(watch), std::move(ended)));
  return pid;
}

}  // namespace waxwing::job_controller
