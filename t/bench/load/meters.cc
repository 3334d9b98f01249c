#include "t/bench/load/meters.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "common/base/strings.h"

namespace waxwing::bench {

namespace {
constexpr int kUserTime = 13;  // fields of /proc/PID/stat counted from 0, as proc(5) has them from 1
constexpr std::uint64_t kSectorBytes = 512;

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

double ticks_to_seconds(double ticks) {
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

bool belongs_to(const std::string& command_line, const std::string& root) {
  for (const auto word : split(command_line, '\0'))
    if (word == root || (word.size() > root.size() && word.starts_with(root) && word[root.size()] == '/'))
      return true;
  return false;
}

// User and system time of a process and of the children it has waited for: who ends during the run is counted
// by its parent.
double process_seconds(const std::string& stat) {
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  const auto fields = split_words(std::string_view(stat).substr(name_end + 2));
  double ticks = 0;
  for (std::size_t i = 0; i < 4; ++i)  // the first field behind the name is number 2
    ticks += static_cast<double>(to_number<std::uint64_t>(fields.at(kUserTime - 2 + i)).value_or(0));
  return ticks_to_seconds(ticks);
}

double server_seconds(const std::string& root) {
  if (root.empty()) return 0;
  double seconds = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (!to_number<int>(name) || name == std::to_string(::getpid())) continue;
    if (belongs_to(content(entry.path() / "cmdline"), root))
      seconds += process_seconds(content(entry.path() / "stat"));
  }
  return seconds;
}

double busy_seconds() {
  const auto stat = content("/proc/stat");
  const auto fields = split_words(std::string_view(stat).substr(0, stat.find('\n')));
  double ticks = 0;
  for (std::size_t i = 1; i < fields.size() && i <= 8; ++i)
    if (i != 4 && i != 5)
      ticks += static_cast<double>(to_number<std::uint64_t>(fields[i]).value_or(0));  // idle, iowait
  return ticks_to_seconds(ticks);
}

double own_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Fields of /proc/diskstats behind the name: writes are the fifth, sectors written the seventh, flushes the
// sixteenth (Linux 5.5 and later).
void read_disk(const std::string& disk, Usage& usage) {
  std::istringstream rows(content("/proc/diskstats"));
  for (std::string row; std::getline(rows, row);) {
    const auto fields = split_words(row);
    if (fields.size() < 19 || fields[2] != disk) continue;
    const auto at = [&](std::size_t n) { return to_number<std::uint64_t>(fields[2 + n]).value_or(0); };
    usage.writes = at(5);
    usage.written_bytes = at(7) * kSectorBytes;
    usage.flushes = at(16);
  }
}
}  // namespace

Usage measure(const Options& options) {
  Usage usage;
  usage.server_s = server_seconds(options.text("root"));
  usage.generator_s = own_seconds();
  usage.busy_s = busy_seconds();
  if (const auto disk = options.text("disk"); !disk.empty()) read_disk(disk, usage);
  return usage;
}

Usage operator-(const Usage& after, const Usage& before) {
  return {after.server_s - before.server_s, after.generator_s - before.generator_s,
          after.busy_s - before.busy_s,     after.flushes - before.flushes,
          after.writes - before.writes,     after.written_bytes - before.written_bytes};
}

}  // namespace waxwing::bench
