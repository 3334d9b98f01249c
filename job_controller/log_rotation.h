// The daily change of mail.log_current: mail_log(5). Looks at the start and once a minute, on a worker.
#pragma once

#include <memory>

#include "common/daemon/daemon.h"

namespace waxwing::job_controller {

class LogRotation {
 public:
  explicit LogRotation(Daemon& daemon);

 private:
  Task<void> look();
  Daemon& daemon_;
  std::unique_ptr<EventLoop::Timer> timer_;
  bool looking_ = false;
};

}  // namespace waxwing::job_controller
