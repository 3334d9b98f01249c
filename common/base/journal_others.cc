#include "common/base/journal_others.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>
#include <vector>

#include "common/base/journal_control.h"
#include "common/base/path.h"
#include "common/base/strings.h"

namespace waxwing::durable {

namespace {
constexpr std::size_t kMostNamed = 12, kMostBytes = 1 << 20;

std::string program_of(pid_t pid) {
  const auto text = read_file(fmt::format("/proc/{}/comm", pid), kMostBytes);
  return text ? std::string(trim(*text)) : std::string("?");
}

// "stored (pid 71), imapd (pid 75)", as /proc/locks has them; empty where that does not tell.
std::string holders(int lock_fd) {
  struct stat info {};
  const auto text = read_file("/proc/locks", kMostBytes);
  if (!text || ::fstat(lock_fd, &info) != 0) return {};
  const auto file = fmt::format("{:02x}:{:02x}:{}", major(info.st_dev), minor(info.st_dev), info.st_ino);
  std::vector<pid_t> pids;
  for (const auto line : split(*text, '\n')) {
    const auto words = split_words(line);  // "1: FLOCK ADVISORY READ 71 fd:01:1234 0 EOF"
    if (words.size() < 6 || words[1] != "FLOCK" || words[5] != file) continue;
    const auto pid = to_number<pid_t>(words[4]);
    if (pid && *pid > 0 && *pid != ::getpid()) pids.push_back(*pid);
  }
  std::ranges::sort(pids);
  pids.erase(std::ranges::unique(pids).begin(), pids.end());
  std::string names;
  for (const auto pid : pids | std::views::take(kMostNamed))
    names += fmt::format("{}{} (pid {})", names.empty() ? "" : ", ", program_of(pid), pid);
  return pids.size() > kMostNamed ? names + ", ..." : names;
}
}  // namespace

Error held_by_others(const JournalSettings& settings, int lock_fd) {
  const auto who = holders(lock_fd);
  const auto running = who.empty() ? std::string() : ": " + who;
  const auto why = file_exists(settings.control)
                       ? "programs of another version run in this instance, and share " + settings.control +
                             " in a form that this one does not know" + running
                       : settings.control + " is missing, though programs run that share it" + running;
  return {Fault::temporary, why + "; run stop-msg, then start-msg"};
}

std::optional<Error> journal_of_others(const JournalSettings& settings) {
  const auto lock = open_file(settings.directory + "/lock", O_RDWR | O_NOFOLLOW);
  // Who cannot look has no reason to give; who replays just now is waited for.
  if (!lock || ::flock(lock->get(), LOCK_SH) != 0) return {};
  const auto control = Control::attach(settings.control, lock->get());
  if (!control || *control) return {};
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) == 0) return {};  // nobody: what is left is replayed
  return held_by_others(settings, lock->get());
}

}  // namespace waxwing::durable
