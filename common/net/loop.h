// EventLoop: one libevent loop, one thread. Everything a loop owns is touched on its thread only;
// post() is the one door from other threads.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/net/task.h"

struct event_base;

namespace waxwing {

enum class Ready { yes, timeout, closed };  // closed: the wait was cancelled by cancel_waits(fd)

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;

  // Runs until stop(); stop() may be called from any thread or signal-driven callback.
  void run();
  void stop();

  // Any thread: run this on the loop's thread, in order of posting.
  void post(std::function<void()> work);
  // The loop this thread is running, or nullptr.
  static EventLoop* current();

  class Wait;  // awaitable
  // Until fd can be read (written), or timeout_ms passed (< 0: for ever).
  Wait readable(int fd, std::int64_t timeout_ms);
  Wait writable(int fd, std::int64_t timeout_ms);
  Wait sleep(std::int64_t ms);  // answers Ready::timeout
  // Wakes every wait on that descriptor with Ready::closed (before closing it, or to stop a session).
  void cancel_waits(int fd);

  class Arrivals;  // for a descriptor that is waited for again and again

  // Calls work every period_ms until the handle is destroyed.
  class Timer;
  std::unique_ptr<Timer> every(std::int64_t period_ms, std::function<void()> work);

  ::event_base* base() { return base_; }

 private:
  friend class Wait;
  struct Inner;
  ::event_base* base_;
  std::unique_ptr<Inner> inner_;
};

// A pause between two coroutines of one loop: wait() suspends until notify_all() (or the time-out).
class Signal {
 public:
  explicit Signal(EventLoop& loop) : loop_(loop) {}
  ~Signal();
  // Loop thread only. Wakes all who wait now; they run from the loop, not inside this call.
  void notify_all();
  class Wait;
  Wait wait(std::int64_t timeout_ms = -1);  // co_await answers Ready::yes or Ready::timeout

 private:
  friend class Wait;
  EventLoop& loop_;
  Wait* first_ = nullptr;
};

}  // namespace waxwing

#include "common/net/detail/waits.h"
