// One running process of a service, held by a pidfd: no pid is ever signalled that has become another's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/base/result.h"

namespace waxwing {

class Process {
 public:
  // Starts command in a session of its own; standard output and error are appended to log_file.
  static Result<Process> start(const std::vector<std::string>& command, const std::string& log_file,
                               const std::string& working_directory);
  // A process that an earlier watcher left running: pid is taken only when its command line is
  // program (by its last part) with instance_root among its arguments.
  static std::optional<Process> adopt(pid_t pid, const std::string& program,
                                      const std::string& instance_root);

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable when the process has ended
  bool adopted() const { return adopted_; }
  std::int64_t age_ms() const;  // since its start; 0 when that cannot be told
  void signal(int number) const;
  // After pidfd() became readable: "exit status 1", "killed by signal 9 (Killed)"; frees the zombie.
  std::string reap();

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  bool adopted_ = false;
};

}  // namespace waxwing
