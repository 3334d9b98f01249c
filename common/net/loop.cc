#include "common/net/loop.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/base/file.h"

namespace waxwing {

namespace {
thread_local EventLoop* running_loop = nullptr;

timeval to_timeval(std::int64_t ms) {
  return {static_cast<time_t>(ms / 1000), static_cast<suseconds_t>(ms % 1000 * 1000)};
}
}  // namespace

struct EventLoop::Inner {
  // Who waits on a descriptor: [fd][0] to read, [fd][1] to write.
  std::vector<std::array<Wait*, 2>> waits;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  UniqueFd wake;
  ::event* wake_event = nullptr;

  static void drain(int fd, short what, void* self) {
    auto& inner = *static_cast<Inner*>(self);
    if (what & EV_READ) {  // else the loop has posted to itself
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = ::read(fd, &count, sizeof count);
    }
    std::vector<std::function<void()>> work;
    {
      const std::lock_guard lock(inner.mutex);
      work.swap(inner.posted);
    }
    for (auto& item : work) item();
  }

  Wait*& slot(int fd, short what) {
    if (waits.size() <= static_cast<std::size_t>(fd)) waits.resize(static_cast<std::size_t>(fd) + 64);
    return waits[static_cast<std::size_t>(fd)][what & EV_WRITE ? 1 : 0];
  }
};

EventLoop::EventLoop() : inner_(std::make_unique<Inner>()) {
  static const int threads_ready = evthread_use_pthreads();
  base_ = threads_ready == 0 ? event_base_new() : nullptr;
  if (base_ == nullptr) throw std::runtime_error("libevent: cannot create an event loop");
  inner_->wake = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  inner_->wake_event =
      event_new(base_, inner_->wake.get(), EV_READ | EV_PERSIST, &Inner::drain, inner_.get());
  event_add(inner_->wake_event, nullptr);
}

EventLoop::~EventLoop() {
  event_free(inner_->wake_event);
  event_base_free(base_);
}

void EventLoop::run() {
  running_loop = this;
  event_base_loop(base_, EVLOOP_NO_EXIT_ON_EMPTY);
  running_loop = nullptr;
}

void EventLoop::stop() {
  post([this] { event_base_loopbreak(base_); });
}

void EventLoop::post(std::function<void()> work) {
  bool first = false;
  {
    const std::lock_guard lock(inner_->mutex);
    first = inner_->posted.empty();
    inner_->posted.push_back(std::move(work));
  }
  // One wake-up serves all that is posted until the loop has drained the list.
  if (!first) return;
  if (running_loop == this) return event_active(inner_->wake_event, EV_TIMEOUT, 1);
  const std::uint64_t one = 1;
  if (::write(inner_->wake.get(), &one, sizeof one) < 0) std::perror("waxwing: eventfd");
}

EventLoop* EventLoop::current() {
  return running_loop;
}

EventLoop::Wait EventLoop::readable(int fd, std::int64_t timeout_ms) {
  return {*this, fd, EV_READ, timeout_ms};
}
EventLoop::Wait EventLoop::writable(int fd, std::int64_t timeout_ms) {
  return {*this, fd, EV_WRITE, timeout_ms};
}
EventLoop::Wait EventLoop::sleep(std::int64_t ms) {
  return {*this, -1, 0, ms < 0 ? 0 : ms};
}

void EventLoop::cancel_waits(int fd) {
  if (fd < 0 || inner_->waits.size() <= static_cast<std::size_t>(fd)) return;
  for (auto* wait : inner_->waits[static_cast<std::size_t>(fd)]) {
    if (wait == nullptr) continue;
    wait->cancelled_ = true;
    event_active(&wait->event_, wait->what_, 1);
  }
}

std::unique_ptr<EventLoop::Timer> EventLoop::every(std::int64_t period_ms, std::function<void()> work) {
  return std::make_unique<Timer>(*this, period_ms, std::move(work));
}

void EventLoop::Wait::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  waiting_ = true;
  event_assign(&event_, loop_.base_, fd_, what_, &Wait::fired, this);
  if (fd_ >= 0) loop_.inner_->slot(fd_, what_) = this;
  const auto limit = to_timeval(timeout_ms_);
  event_add(&event_, timeout_ms_ < 0 ? nullptr : &limit);
}

EventLoop::Wait::~Wait() {
  if (!waiting_) return;
  event_del(&event_);
  if (fd_ >= 0) loop_.inner_->slot(fd_, what_) = nullptr;
}

void EventLoop::Wait::fired(int, short what, void* self) {
  auto& wait = *static_cast<Wait*>(self);
  wait.waiting_ = false;
  event_del(&wait.event_);
  if (wait.fd_ >= 0) wait.loop_.inner_->slot(wait.fd_, wait.what_) = nullptr;
  wait.result_ = wait.cancelled_ ? Ready::closed : what & EV_TIMEOUT ? Ready::timeout : Ready::yes;
  wait.handle_.resume();  // may destroy this Wait: touch nothing after
}

EventLoop::Arrivals::~Arrivals() {
  if (registered_) event_del(&event_);
}

EventLoop::Arrivals::Wait EventLoop::Arrivals::wait(std::int64_t timeout_ms) {
  return {*this, timeout_ms};
}

void EventLoop::Arrivals::cancel() {
  if (waiting_ == nullptr) return;
  cancelled_ = true;
  event_active(&event_, EV_TIMEOUT, 1);
}

void EventLoop::Arrivals::Wait::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  arrivals_.waiting_ = this;
  auto& event = arrivals_.event_;
  if (!arrivals_.registered_)
    event_assign(&event, arrivals_.loop_.base(), arrivals_.fd_, EV_READ | EV_ET | EV_PERSIST,
                 &Arrivals::fired, &arrivals_);
  else if (timeout_ms_ < 0)
    event_remove_timer(&event);  // of an earlier wait
  const auto limit = to_timeval(timeout_ms_);
  event_add(&event, timeout_ms_ < 0 ? nullptr : &limit);
  arrivals_.registered_ = true;
}

EventLoop::Arrivals::Wait::~Wait() {
  if (arrivals_.waiting_ == this) arrivals_.waiting_ = nullptr;
}

// What arrives while nobody waits is found by whoever reads before he waits again.
void EventLoop::Arrivals::fired(int, short what, void* self) {
  auto& arrivals = *static_cast<Arrivals*>(self);
  auto* const wait = std::exchange(arrivals.waiting_, nullptr);
  if (wait == nullptr) return;
  const bool cancelled = std::exchange(arrivals.cancelled_, false);
  wait->result_ = cancelled ? Ready::closed : what & EV_READ ? Ready::yes : Ready::timeout;
  wait->handle_.resume();  // may destroy both: touch nothing after
}

EventLoop::Timer::Timer(EventLoop& loop, std::int64_t period_ms, std::function<void()> work)
    : work_(std::move(work)) {
  const auto fire = [](int, short, void* self) { static_cast<Timer*>(self)->work_(); };
  event_assign(&event_, loop.base_, -1, EV_PERSIST, fire, this);
  const auto period = to_timeval(period_ms);
  event_add(&event_, &period);
}

EventLoop::Timer::~Timer() {
  event_del(&event_);
}

Signal::~Signal() {
  notify_all();
}

Signal::Wait Signal::wait(std::int64_t timeout_ms) {
  return {*this, timeout_ms};
}

void Signal::notify_all() {
  while (first_ != nullptr) {
    auto* wait = first_;
    wait->unlink();
    wait->result_ = Ready::yes;
    event_active(&wait->event_, EV_READ, 1);
  }
}

void Signal::Wait::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  waiting_ = true;
  next_ = signal_.first_;
  signal_.first_ = this;
  event_assign(&event_, signal_.loop_.base(), -1, 0, &Wait::fired, this);
  const auto limit = to_timeval(timeout_ms_);
  if (timeout_ms_ >= 0) event_add(&event_, &limit);
}

void Signal::Wait::unlink() {
  for (auto** at = &signal_.first_; *at != nullptr; at = &(*at)->next_)
    if (*at == this) {
      *at = next_;
      return;
    }
}

Signal::Wait::~Wait() {
  if (!waiting_) return;
  event_del(&event_);
  if (result_ != Ready::yes) unlink();
}

void Signal::Wait::fired(int, short, void* self) {
  auto& wait = *static_cast<Wait*>(self);
  wait.waiting_ = false;
  event_del(&wait.event_);
  if (wait.result_ != Ready::yes) wait.unlink();
  wait.handle_.resume();
}

}  // namespace waxwing
