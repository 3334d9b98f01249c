#include "common/net/task.h"

#include <cstdio>

namespace waxwing {

namespace {
void to_stderr(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "waxwing: a task ended with an exception: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "waxwing: a task ended with an unknown exception\n");
  }
}

void (*stray)(std::exception_ptr) = to_stderr;

// Owns the spawned task; its frame ends itself.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { stray(std::current_exception()); }
  };
};

Detached drive(Task<void> task) {
  co_await task;
}
}  // namespace

void spawn(Task<void> task) {
  drive(std::move(task));
}

void set_stray_exception_handler(void (*handler)(std::exception_ptr)) {
  stray = handler;
}

}  // namespace waxwing
