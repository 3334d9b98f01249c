// The processes of an instance, as the system tells of them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace waxwing::imsimta {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string program;
  std::int64_t started = 0;  // wall seconds
  std::int64_t cpu_ms = 0;
  std::int64_t memory_kib = 0;
};

// Programs of Waxwing whose command line names the instance, those that a file run/NAME.pid names (a directory
// server, say), and what these have started; in the order of their numbers, the caller's own left out. Somebody's
// editor with one of the instance's files is none of them.
Result<std::vector<Process>> processes_of(const std::string& root);

}  // namespace waxwing::imsimta
