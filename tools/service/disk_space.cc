#include "tools/service/disk_space.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <map>

namespace waxwing {

namespace {

constexpr std::uint64_t kFullBytes = 8 << 20;

std::uint64_t share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0
             ? 100
             : static_cast<std::uint64_t>(100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

std::vector<DiskSpace> disk_spaces(const Config& config) {
  std::vector<std::pair<std::string, std::string>> places;
  for (const char* name : {"queue", "journal", "log"}) places.emplace_back(name, config.path_of(name));
  auto partitions = config.starred("store.partition.*.path");
  partitions.try_emplace("primary", "store/partition/primary");
  for (const auto& [name, path] : partitions) places.emplace_back("partition " + name, config.path_of(path));
  std::vector<DiskSpace> spaces;
  std::map<std::pair<dev_t, bool>, std::size_t>
      known;  // one may be mounted twice, and read-only in one place
  for (const auto& [name, path] : places) {
    struct stat there {};
    struct statvfs system {};
    if (::stat(path.c_str(), &there) != 0 || ::statvfs(path.c_str(), &system) != 0) continue;
    const bool read_only = (system.f_flag & ST_RDONLY) != 0;
    const auto [at, is_new] = known.try_emplace({there.st_dev, read_only}, spaces.size());
    if (!is_new) {
      spaces[at->second].places += ", " + name;
      continue;
    }
    // What is kept for root is not for us.
    const auto used = system.f_blocks - system.f_bfree, files_used = system.f_files - system.f_ffree;
    spaces.push_back({name, system.f_bavail * system.f_frsize, (used + system.f_bavail) * system.f_frsize,
                      system.f_favail, files_used + system.f_favail, read_only});
  }
  return spaces;
}

DiskState state_of(const DiskSpace& space) {
  const auto left = std::min(share(space.bytes_left, space.bytes), share(space.files_left, space.files));
  if (left < 1 || (space.bytes > 0 && space.bytes_left < kFullBytes)) return DiskState::full;
  return left < 10 ? DiskState::low : DiskState::well;
}

std::string text_of(const DiskSpace& space) {
  const auto used =
      100 - std::min(share(space.bytes_left, space.bytes), share(space.files_left, space.files));
  auto text = fmt::format("{} % used, {} MB", used, space.bytes_left / 1'000'000);
  if (space.files > 0) text += fmt::format(" and {} files", space.files_left);
  return text + " left: " + space.places;
}

}  // namespace waxwing
