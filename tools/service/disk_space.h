// What is left on the file systems of an instance, for those who look after it: while one is full no mail is taken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"

namespace waxwing {

struct DiskSpace {
  std::string places;  // "queue, journal": what lies there
  std::uint64_t bytes_left = 0, bytes = 0;
  std::uint64_t files_left = 0, files = 0;  // 0 of 0 where the file system has no such limit
  bool read_only = false;                   // mounted so, or made so by the kernel after an error
};

// One for each file system of queue, journal, partitions and log; what is not there is left out.
std::vector<DiskSpace> disk_spaces(const Config& config);

enum class DiskState { well, low, full };  // low: less than a tenth; full: less than a hundredth, or 8 MiB
DiskState state_of(const DiskSpace& space);
// "95 % used, 12 MB and 300 files left: queue, journal".
std::string text_of(const DiskSpace& space);

}  // namespace waxwing
