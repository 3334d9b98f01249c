#include "channels/program/run_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "channels/program/keeper.h"
#include "common/base/file.h"
#include "common/base/time.h"

namespace waxwing::channels {

namespace {

constexpr std::int64_t kKeeperGraceMs = 30'000;  // what the keeper may take beyond the program's time

struct Ends {
  UniqueFd ours, theirs;
};

Result<Ends> make_pipe(bool we_write) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(system_error("cannot make a pipe", errno));
  Ends result{UniqueFd(ends[we_write ? 1 : 0]), UniqueFd(ends[we_write ? 0 : 1])};
  ::fcntl(result.ours.get(), F_SETFL, O_NONBLOCK);
  return result;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  for (const auto& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

Result<pid_t> start_keeper(const ProgramOrder& order, int input, int output) {
  std::vector<std::string> words = {"keeper",
                                    "--run",
                                    std::to_string(order.uid),
                                    std::to_string(order.gid),
                                    order.account,
                                    std::to_string(order.seconds),
                                    std::to_string(order.processes),
                                    std::to_string(order.file_bytes)};
  words.insert(words.end(), order.words.begin(), order.words.end());
  std::vector<std::string> environment;
  for (const auto& [name, value] : order.environment) environment.push_back(name + "=" + value);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  pid_t pid = -1;
  const int problem = ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, pointers(words).data(),
                                    pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) return std::unexpected(system_error("cannot start a keeper", problem));
  return pid;
}

// Feeds the input and takes the output until both are closed.
class Talk {
 public:
  Talk(const ProgramOrder& order, pid_t keeper, UniqueFd input, UniqueFd output,
       const std::function<Result<std::string>()>& next)
      : order_(order), keeper_(keeper), input_(std::move(input)), output_(std::move(output)), next_(next) {}

  ProgramEnd end;

  Result<> run() {
    const auto limit = monotonic_ms() + order_.seconds * std::int64_t{1000} + kKeeperGraceMs;
    while (output_) {
      if (const auto read = refill(); !read) return read;
      std::array<pollfd, 2> fds = {pollfd{output_.get(), POLLIN, 0}, pollfd{input_.get(), POLLOUT, 0}};
      const auto left = limit - monotonic_ms();
      if (left <= 0) return temporary("the keeper of the program does not end");
      if (::poll(fds.data(), input_ ? 2 : 1, static_cast<int>(left)) < 0 && errno != EINTR)
        return std::unexpected(system_error("poll", errno));
      if (fds[0].revents != 0) take();
      if (input_ && fds[1].revents != 0) give();
    }
    return {};
  }

 private:
  Result<> refill() {
    if (!input_ || !piece_.empty()) return {};
    TRY(piece_, next_());
    if (piece_.empty()) input_.reset();
    return {};
  }
  void give() {
    const auto written = ::write(input_.get(), piece_.data(), piece_.size());
    if (written > 0)
      piece_.erase(0, static_cast<std::size_t>(written));
    else if (errno != EAGAIN && errno != EINTR)
      input_.reset();  // a program need not read everything
  }
  void take() {
    std::array<char, 16384> buffer;
    const auto got = ::read(output_.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return output_.reset();
    end.output.append(buffer.data(), static_cast<std::size_t>(got));
    if (end.output.size() <= order_.output_bytes) return;
    end.output.resize(order_.output_bytes);
    if (end.too_much) return;
    end.too_much = true;
    ::kill(keeper_, SIGTERM);
  }

  const ProgramOrder& order_;
  const pid_t keeper_;
  UniqueFd input_, output_;
  const std::function<Result<std::string>()>& next_;
  std::string piece_;
};

}  // namespace

Result<ProgramEnd> run_kept_program(const ProgramOrder& order,
                                    const std::function<Result<std::string>()>& next) {
  TRY(auto input, make_pipe(true));
  TRY(auto output, make_pipe(false));
  TRY(const auto keeper, start_keeper(order, input.theirs.get(), output.theirs.get()));
  input.theirs.reset();
  output.theirs.reset();
  Talk talk(order, keeper, std::move(input.ours), std::move(output.ours), next);
  const auto talked = talk.run();
  if (!talked) ::kill(keeper, SIGTERM);
  int status = 0;
  while (::waitpid(keeper, &status, 0) < 0 && errno == EINTR) {
  }
  if (!talked) return std::unexpected(talked.error());
  talk.end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return std::move(talk.end);
}

}  // namespace waxwing::channels
