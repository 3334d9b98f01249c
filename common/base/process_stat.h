// What the system tells of a process (/proc/PID/stat).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace waxwing {

struct ProcessStat {
  char state = 0;  // 'R', 'S' ..; see has_ended()
  pid_t parent = 0;
  std::uint64_t user_ticks = 0, system_ticks = 0;  // of sysconf(_SC_CLK_TCK)
  std::uint64_t start_ticks = 0;                   // since the system started
  std::uint64_t pages = 0;                         // in memory
  // Only its status is left, for its parent.
  bool has_ended() const { return state == 'Z' || state == 'X'; }
};

// Nothing: there is no such process, or it is not to be seen from here.
std::optional<ProcessStat> process_stat(pid_t pid);

}  // namespace waxwing
