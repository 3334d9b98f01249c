// The awaitables of EventLoop and Signal. Included by loop.h; nobody else needs this file.
#pragma once

#include <event2/event_struct.h>

namespace waxwing {

class EventLoop::Wait {
 public:
  Wait(EventLoop& loop, int fd, short what, std::int64_t timeout_ms)
      : loop_(loop), fd_(fd), what_(what), timeout_ms_(timeout_ms) {}
  Wait(Wait&&) = delete;
  ~Wait();

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle);
  Ready await_resume() const noexcept { return result_; }

 private:
  friend class EventLoop;
  static void fired(int fd, short what, void* self);
  EventLoop& loop_;
  int fd_;
  short what_;
  std::int64_t timeout_ms_;
  Ready result_ = Ready::timeout;
  bool cancelled_ = false;
  bool waiting_ = false;
  std::coroutine_handle<> handle_;
  ::event event_;
};

// Who reads one descriptor again and again: it is registered once, where each readable() costs two system
// calls. Edge-triggered: read until there is nothing left, then wait. One waits at a time. Goes before the
// descriptor is closed.
class EventLoop::Arrivals {
 public:
  Arrivals(EventLoop& loop, int fd) : loop_(loop), fd_(fd) {}
  Arrivals(const Arrivals&) = delete;
  ~Arrivals();

  class Wait;
  Wait wait(std::int64_t timeout_ms);
  void cancel();  // who waits goes on with Ready::closed, from the loop

 private:
  static void fired(int fd, short what, void* self);
  EventLoop& loop_;
  int fd_;
  bool registered_ = false, cancelled_ = false;
  Wait* waiting_ = nullptr;
  ::event event_;
};

class EventLoop::Arrivals::Wait {
 public:
  Wait(Arrivals& arrivals, std::int64_t timeout_ms) : arrivals_(arrivals), timeout_ms_(timeout_ms) {}
  Wait(Wait&&) = delete;
  ~Wait();

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle);
  Ready await_resume() const noexcept { return result_; }

 private:
  friend class Arrivals;
  Arrivals& arrivals_;
  std::int64_t timeout_ms_;
  Ready result_ = Ready::timeout;
  std::coroutine_handle<> handle_;
};

class EventLoop::Timer {
 public:
  Timer(EventLoop& loop, std::int64_t period_ms, std::function<void()> work);
  ~Timer();

 private:
  std::function<void()> work_;
  ::event event_;
};

class Signal::Wait {
 public:
  Wait(Signal& signal, std::int64_t timeout_ms) : signal_(signal), timeout_ms_(timeout_ms) {}
  Wait(Wait&&) = delete;
  ~Wait();
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle);
  Ready await_resume() const noexcept { return result_; }

 private:
  friend class Signal;
  static void fired(int fd, short what, void* self);
  void unlink();
  Signal& signal_;
  std::int64_t timeout_ms_;
  Ready result_ = Ready::timeout;
  bool waiting_ = false;
  Wait* next_ = nullptr;
  std::coroutine_handle<> handle_;
  ::event event_;
};

}  // namespace waxwing
