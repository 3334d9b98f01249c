#include "watcher/instance_processes.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "watcher/helpers.h"
#include "watcher/services.h"

namespace waxwing {

namespace {
constexpr std::size_t kMostBytes = 1 << 20;
constexpr int kKilledMs = 10'000;

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  if (const auto names = list_directory("/proc"))
    for (const auto& name : *names)
      if (const auto pid = to_number<pid_t>(name)) pids.push_back(*pid);
  return pids;
}

std::string command_line(pid_t pid) {
  return read_file(fmt::format("/proc/{}/cmdline", pid), kMostBytes).value_or(std::string());
}

// Has it a watcher.pid of the instance open that is not the one that counts?
bool holds_lost_lock(pid_t pid, const std::string& root, int lock) {
  struct stat counts {};
  const auto path = root + "/run/watcher.pid";
  if ((lock < 0 ? ::stat(path.c_str(), &counts) : ::fstat(lock, &counts)) != 0) counts = {};
  std::error_code unknown;
  const auto real = std::filesystem::canonical(root, unknown).string();
  const auto below = (real.empty() ? root : real) + "/";
  const auto folder = fmt::format("/proc/{}/fd", pid);
  const auto descriptors = list_directory(folder);
  if (!descriptors) return false;
  return std::ranges::any_of(*descriptors, [&](const std::string& name) {
    const auto link = folder + "/" + name;
    char text[4200];  // what is removed bears the word " (deleted)"
    const auto length = ::readlink(link.c_str(), text, sizeof text);
    const std::string_view target(text, length > 0 ? static_cast<std::size_t>(length) : 0);
    struct stat info {};
    // One folder deep, also when run/ was renamed: what lies deeper is another instance's.
    return target.starts_with(below) && std::ranges::count(target.substr(below.size()), '/') == 1 &&
           last_part(target).starts_with("watcher.pid") && ::stat(link.c_str(), &info) == 0 &&
           (info.st_ino != counts.st_ino || info.st_dev != counts.st_dev);
  });
}
}  // namespace

std::string service_of_command(const std::vector<std::string_view>& words, const std::string& root) {
  // The program, or the second word where an interpreter runs it.
  for (std::size_t at = 0; at < 2 && at < words.size(); ++at) {
    const auto name = last_part(words[at]);
    const bool is_service =
        std::ranges::any_of(service_table(), [&](const ServiceSpec& spec) { return spec.name == name; });
    if (!is_service) continue;
    const bool told = at + 2 < words.size() && words[at + 1] == "--instance" && words[at + 2] == root;
    // The directory server is no program of ours: it lies in the instance, and with -T it is another tool.
    const bool lies_there = at == 0 && name == "slapd" && words[at].starts_with(root + "/") &&
                            words.size() > 1 && words[1] != "-T";
    if (told || lies_there) return std::string(name);
  }
  return {};
}

std::vector<RunningService> running_services(const std::string& root) {
  std::vector<RunningService> found;
  for (const auto pid : all_pids()) {
    const auto line = command_line(pid);
    if (line.find(root) == std::string::npos) continue;
    if (auto name = service_of_command(split(line, '\0'), root); !name.empty())
      found.push_back({std::move(name), pid});
  }
  const auto place = [](const RunningService& one) {
    const auto table = service_table();
    return std::ranges::find(table, one.name,
                             [](const ServiceSpec& spec) { return std::string(spec.name); }) -
           table.begin();
  };
  std::ranges::stable_sort(found, {}, place);
  return found;
}

pid_t lost_watcher(const std::string& root, int lock) {
  for (const auto pid : all_pids()) {
    if (pid == ::getpid()) continue;
    const auto line = command_line(pid);
    const auto words = split(line, '\0');
    if (!words.empty() && last_part(words[0]) == "watcher" && holds_lost_lock(pid, root, lock)) return pid;
  }
  return 0;
}

void end_lost_watcher(const std::string& root, int lock) {
  const auto pid = lost_watcher(root, lock);
  if (pid <= 0) return;
  const UniqueFd held(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!held || lost_watcher(root, lock) != pid) return;  // what is looked at is what is held
  ::syscall(SYS_pidfd_send_signal, held.get(), SIGKILL, nullptr, 0);
  pollfd one{held.get(), POLLIN, 0};
  ::poll(&one, 1, kKilledMs);
  log::Event("watcher.lost").with("pid", pid).with("why", "its run/watcher.pid was removed").warning();
}

}  // namespace waxwing
