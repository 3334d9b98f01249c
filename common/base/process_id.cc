#include "common/base/process_id.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace waxwing {

namespace {
std::atomic<pid_t> known{0};

bool forget_after_fork() {
  return ::pthread_atfork(nullptr, nullptr, [] { known.store(0, std::memory_order_relaxed); }) == 0;
}
}  // namespace

pid_t process_id() {
  static const bool may_keep = forget_after_fork();
  if (const auto pid = known.load(std::memory_order_relaxed); pid != 0) return pid;
  const auto pid = ::getpid();
  if (may_keep) known.store(pid, std::memory_order_relaxed);
  return pid;
}

}  // namespace waxwing
