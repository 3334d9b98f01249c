#include "tools/imsimta/processes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/base/file.h"
#include "common/base/path.h"
#include "common/base/process_stat.h"
#include "common/base/strings.h"
#include "common/base/time.h"

namespace waxwing::imsimta {

namespace {

// As much as one command line needs.
std::string start_of_file(const std::string& path) {
  const auto fd = open_file(path, O_RDONLY);
  std::string text(16384, '\0');
  const auto got = fd ? ::read(fd->get(), text.data(), text.size()) : -1;
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

std::int64_t boot_seconds() {
  const auto uptime = read_file("/proc/uptime", 4096).value_or("");
  return wall_seconds() -
         to_number<std::int64_t>(std::string_view(uptime).substr(0, uptime.find('.'))).value_or(0);
}

struct Seen {
  Process process;
  std::string words;  // its command line, each word ended by NUL
};

// Nothing when it has ended meanwhile, or is a thread of the system.
std::optional<Seen> look_at(pid_t pid, std::int64_t boot) {
  Seen seen;
  seen.words = start_of_file(fmt::format("/proc/{}/cmdline", pid));
  const auto stat = process_stat(pid);
  if (seen.words.empty() || !stat) return std::nullopt;
  const auto ticks = std::max(1L, ::sysconf(_SC_CLK_TCK));
  auto& process = seen.process;
  process.pid = pid;
  process.parent = stat->parent;
  process.program = seen.words.substr(0, seen.words.find('\0'));
  process.program.erase(0, process.program.find_last_of('/') + 1);
  process.cpu_ms = static_cast<std::int64_t>(stat->user_ticks + stat->system_ticks) * 1000 / ticks;
  process.started = boot + static_cast<std::int64_t>(stat->start_ticks) / ticks;
  process.memory_kib = static_cast<std::int64_t>(stat->pages) * ::sysconf(_SC_PAGESIZE) / 1024;
  return seen;
}

std::set<pid_t> named_by_files(const std::string& root) {
  std::set<pid_t> pids;
  const auto names = list_directory(root + "/run");
  if (!names) return pids;
  for (const auto& name : *names)
    if (name.ends_with(".pid"))
      if (const auto text = read_file(root + "/run/" + name, 64))
        if (const auto pid = to_number<pid_t>(trim(*text))) pids.insert(*pid);
  return pids;
}

bool names_instance(std::string_view words, const std::string& root) {
  while (!words.empty()) {
    const auto word = take_until(words, '\0');
    if (word == root || word.starts_with(root + "/")) return true;
  }
  return false;
}

// Waxwing's own: of the instance's bin, or of the folder that this very program lies in.
bool is_our_program(std::string_view words, const std::string& root) {
  const auto folder = parent_directory(std::string(take_until(words, '\0')));
  return folder == root + "/bin" || folder == program_directory();
}

}  // namespace

Result<std::vector<Process>> processes_of(const std::string& root) {
  TRY(const auto names, list_directory("/proc"));
  const auto boot = boot_seconds();
  std::map<pid_t, Seen> all;
  for (const auto& name : names)
    if (const auto pid = to_number<pid_t>(name); pid && *pid != ::getpid())
      if (auto seen = look_at(*pid, boot)) all.emplace(*pid, std::move(*seen));
  const auto by_file = named_by_files(root);
  std::set<pid_t> ours;
  for (const auto& [pid, seen] : all)
    if (names_instance(seen.words, root) && (by_file.contains(pid) || is_our_program(seen.words, root)))
      ours.insert(pid);
  // Children, and theirs.
  for (std::size_t before = 0; before != ours.size();) {
    before = ours.size();
    for (const auto& [pid, seen] : all)
      if (ours.contains(seen.process.parent)) ours.insert(pid);
  }
  std::vector<Process> processes;
  for (const auto pid : ours) processes.push_back(std::move(all.at(pid).process));
  return processes;
}

}  // namespace waxwing::imsimta
