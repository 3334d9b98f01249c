// Becoming a daemon, and being the only one of its instance.
#pragma once

#include <string>

#include "common/base/file.h"
#include "common/base/result.h"

namespace waxwing {

// begin() forks: the parent waits there, and ends with 0 once the child has called finish(), or with 1
// when the child ends before. Until finish() the child still writes its complaints to the caller's terminal.
class Detach {
 public:
  Result<> begin();
  void finish();

 private:
  UniqueFd word_;  // the child's end of the pipe
};

// Locks the pid file and writes our pid into it. The lock lasts as long as the answered descriptor.
Result<UniqueFd> lock_pid_file(const std::string& path);

}  // namespace waxwing
