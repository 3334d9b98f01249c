// WorkerPool: a bounded set of threads for work that blocks (Berkeley DB, libldap, fsync, password hashes).
//
//   auto user = co_await workers.run([&] { return directory.find(name); });
//
// The coroutine is suspended and goes on, on its own loop, with the value or exception. A full pool makes
// sessions wait in the order they came: that is the back-pressure.
// Failpoint: workers.thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>

#include "common/base/durable.h"
#include "common/net/loop.h"

namespace waxwing {

class WorkerPool {
 public:
  explicit WorkerPool(unsigned threads);
  ~WorkerPool();  // waits for the work that has begun

  template <class F>
  Task<std::invoke_result_t<F>> run(F work);

  // Without a coroutine: runs work on a worker thread.
  void submit(std::function<void()> work);

  // durable::commit_here for work of this pool: done is called on one of its threads, or on the caller's. Never
  // waits for another commit; the caller is on a thread that may block, and holds no lock that done takes.
  void commit(durable::Batch batch, std::function<void(Result<>)> done);

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

// durable::commit for coroutines: suspends this coroutine only, holds no worker.
Task<Result<>> commit_durably(durable::Batch batch);

namespace detail {
// Suspends the coroutine, lets start() arrange for resume to be called from any thread, resumes on the loop.
struct Handoff {
  std::function<void(std::function<void()> resume)> start;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle);
  void await_resume() const noexcept {}
};
}  // namespace detail

template <class F>
Task<std::invoke_result_t<F>> WorkerPool::run(F work) {
  using R = std::invoke_result_t<F>;
  std::exception_ptr failure;
  if constexpr (std::is_void_v<R>) {
    detail::Handoff handoff{[&](std::function<void()> resume) {
      submit([&, resume = std::move(resume)] {
        try {
          work();
        } catch (...) {
          failure = std::current_exception();
        }
        resume();
      });
    }};
    co_await handoff;
    if (failure) std::rethrow_exception(failure);
  } else {
    std::optional<R> value;
    detail::Handoff handoff{[&](std::function<void()> resume) {
      submit([&, resume = std::move(resume)] {
        try {
          value.emplace(work());
        } catch (...) {
          failure = std::current_exception();
        }
        resume();
      });
    }};
    co_await handoff;
    if (failure) std::rethrow_exception(failure);
    co_return std::move(*value);
  }
}

}  // namespace waxwing
