#include "tools/service/run_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing {

Result<Ended> run_program(const std::vector<std::string>& command, bool with_errors) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(system_error("cannot make a pipe", errno));
  const UniqueFd from_child(ends[0]);
  UniqueFd to_us(ends[1]);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(system_error("cannot fork", errno));
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(to_us.get(), 1);
    if (with_errors) ::dup2(to_us.get(), 2);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  to_us.reset();
  Ended ended;
  char buffer[8192];
  for (;;) {
    const ssize_t got = ::read(from_child.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    ended.output.append(buffer, static_cast<std::size_t>(got));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

Result<std::string> run_well(const std::vector<std::string>& command) {
  TRY(Ended ended, run_program(command, true));
  if (ended.status == 127) return permanent("cannot run " + command[0] + "; is it installed?");
  if (ended.status == 0) return std::move(ended.output);
  constexpr std::size_t kMost = 2000;
  if (ended.output.size() > kMost) ended.output.erase(0, ended.output.size() - kMost);
  return permanent(command[0] + " ended with status " + std::to_string(ended.status) + ": " +
                   std::string(trim(ended.output)));
}

}  // namespace waxwing
