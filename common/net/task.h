// Task<T>: a coroutine that somebody awaits. Starts when awaited, hands its value or exception to the
// awaiter, and never allocates besides its frame. spawn() starts one that nobody awaits.
//
//   Task<std::string> greeting(Stream& s) { auto line = co_await s.read_line(512); co_return ...; }
//
// g++ 12 miscompiles co_await in some places: keep it a statement of its own (auto x = co_await f();),
// never inside an if or while condition, ?:, or an argument list; and never give a coroutine a braced
// initialiser or lambda temporary as argument.
//
// A Task belongs to the loop thread that awaits it. Lambdas that are coroutines must not capture: pass
// parameters instead (a capture dies with the lambda, not with the frame).
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace waxwing {

template <class T = void>
class Task;

namespace detail {

struct TaskPromiseBase {
  std::coroutine_handle<> awaiter = std::noop_coroutine();
  std::exception_ptr failure;

  struct Final {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
      return self.promise().awaiter;
    }
    void await_resume() noexcept {}
  };
  std::suspend_always initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  void unhandled_exception() { failure = std::current_exception(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (failure) std::rethrow_exception(failure);
    return std::move(*value);
  }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void take() {
    if (failure) std::rethrow_exception(failure);
  }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().awaiter = awaiter;
    return handle_;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  Handle handle_;
};

template <class T>
Task<T> detail::TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}
inline Task<void> detail::TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

// Starts the task now, on this thread; its frame frees itself at the end. An exception that reaches the
// end is logged by the handler below: a session catches its own.
void spawn(Task<void> task);
// What spawn() does with a stray exception; the daemon frame sets it. Default: write to standard error.
void set_stray_exception_handler(void (*handler)(std::exception_ptr));

}  // namespace waxwing

// As TRY, for coroutines that return Task<Result<...>>. The expression must not contain co_await:
//   auto r = co_await f(); CO_TRY(auto x, std::move(r));
#define CO_TRY(decl, ...) WAXWING_TRY(WAXWING_JOIN(try_, __LINE__), decl, (__VA_ARGS__), co_return )
// As TRY_VOID, for a variable that holds a Result<>.
#define CO_TRY_VOID(result)                                                \
  do {                                                                     \
    if (!(result)) co_return std::unexpected(std::move((result).error())); \
  } while (0)
