#include "watcher/renewal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/strings.h"

namespace waxwing {

std::string Inheritance::text() const {
  std::string words = fmt::format("{}:{}:", listener, lock);
  for (std::size_t i = 0; i < services.size(); ++i)
    words += fmt::format("{}{}={}", i == 0 ? "" : ",", services[i].service, services[i].pid);
  return words;
}

std::optional<Inheritance> Inheritance::parse(std::string_view text) {
  Inheritance handed;
  const auto listener = to_number<int>(take_until(text, ':')), lock = to_number<int>(take_until(text, ':'));
  if (!listener || !lock || *listener < 3 || *lock < 3) return std::nullopt;
  handed.listener = *listener;
  handed.lock = *lock;
  while (!text.empty()) {
    auto rest = take_until(text, ',');
    const std::string service(take_until(rest, '='));
    const auto pid = to_number<pid_t>(rest);
    if (service.empty() || !pid || *pid < 0) return std::nullopt;
    handed.services.push_back({service, *pid});
  }
  return handed;
}

bool runs_older_program(pid_t pid, const std::string& path) {
  const std::string link = fmt::format("/proc/{}/exe", pid);
  char target[4096];
  const auto length = ::readlink(link.c_str(), target, sizeof target);
  std::string_view runs(target, length > 0 ? static_cast<std::size_t>(length) : 0);
  constexpr std::string_view kDeleted = " (deleted)";
  if (runs.ends_with(kDeleted)) runs.remove_suffix(kDeleted.size());
  if (runs.empty() || runs.substr(runs.rfind('/') + 1) != path.substr(path.rfind('/') + 1)) return false;
  struct stat running {
  }, installed{};
  if (::stat(link.c_str(), &running) != 0 || ::stat(path.c_str(), &installed) != 0) return false;
  return running.st_dev != installed.st_dev || running.st_ino != installed.st_ino;
}

Error become_program(const std::string& program, std::vector<std::string> arguments,
                     const Inheritance& handed) {
  arguments.insert(arguments.begin(), program);
  arguments.emplace_back("--resume");
  arguments.push_back(handed.text());
  std::vector<char*> words;
  for (auto& word : arguments) words.push_back(word.data());
  words.push_back(nullptr);
  sigset_t ending, before;
  sigemptyset(&ending);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ending, number);
  ::sigprocmask(SIG_BLOCK, &ending, &before);
  for (const int fd : {handed.listener, handed.lock}) ::fcntl(fd, F_SETFD, 0);
  ::execv(program.c_str(), words.data());
  const int problem = errno;
  for (const int fd : {handed.listener, handed.lock}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return system_error("cannot become " + program, problem);
}

void close_all_but(int one, int other) {
  const auto low = static_cast<unsigned>(std::min(one, other)),
             high = static_cast<unsigned>(std::max(one, other));
  if (low > 3) ::close_range(3, low - 1, 0);
  if (high > low + 1) ::close_range(low + 1, high - 1, 0);
  ::close_range(high + 1, ~0U, 0);
}

}  // namespace waxwing
