// A mapped file that somebody cuts short makes the kernel send SIGBUS to whoever touches what is gone. Here
// the signal becomes a mark: from the page that failed to its end the mapping reads as zeros from then on,
// and whoever uses it asks damaged() before he believes what he read. Any other SIGBUS ends the process as
// before.
#pragma once

#include <atomic>
#include <cstddef>

namespace waxwing {

// One mapping, known to the signal handler while this lives.
class FaultGuard {
 public:
  FaultGuard(char* data, std::size_t length);
  ~FaultGuard();
  FaultGuard(const FaultGuard&) = delete;
  bool damaged() const { return damaged_.load(std::memory_order_acquire); }

  struct Place;

 private:
  std::atomic<bool> damaged_{false};
  Place* place_;
};

}  // namespace waxwing
