// The daily change of mail.log_current: mail_log(5). Looks at the start and once a minute, on a worker.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "common/daemon/daemon.h"

namespace waxwing::job_controller {

class LogRotation {
 public:
  // nights: between two changes, asked each time.
  LogRotation(Daemon& daemon, std::function<std::int64_t()> nights);

 private:
  Task<void> look();
  Daemon& daemon_;
  std::function<std::int64_t()> nights_;
  std::unique_ptr<EventLoop::Timer> timer_;
  bool looking_ = false;
};

}  // namespace waxwing::job_controller
