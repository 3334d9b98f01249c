#include "common/net/workers.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace waxwing {

struct WorkerPool::Inner {
  unsigned most = 1;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> waiting;
  std::vector<std::thread> threads;
  unsigned idle = 0;
  bool ending = false;

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      wake.wait(lock, [this] { return ending || !waiting.empty(); });
      --idle;
      if (waiting.empty()) return;
      auto job = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }
};

WorkerPool::WorkerPool(unsigned threads) : inner_(std::make_unique<Inner>()) {
  inner_->most = threads == 0 ? 1 : threads;
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(inner_->mutex);
    inner_->ending = true;
  }
  inner_->wake.notify_all();
  for (auto& thread : inner_->threads) thread.join();
}

void WorkerPool::submit(std::function<void()> work) {
  {
    const std::lock_guard lock(inner_->mutex);
    inner_->waiting.push_back(std::move(work));
    // A thread is made only when work waits and nobody is free.
    if (inner_->idle < inner_->waiting.size() && inner_->threads.size() < inner_->most)
      inner_->threads.emplace_back([inner = inner_.get()] { inner->work(); });
  }
  inner_->wake.notify_one();
}

void detail::Handoff::await_suspend(std::coroutine_handle<> handle) {
  auto* loop = EventLoop::current();
  if (loop == nullptr) throw std::logic_error("WorkerPool::run outside an event loop");
  // Once start() has run, the coroutine may already have gone on and freed this object.
  auto begin = std::move(start);
  begin([loop, handle] { loop->post([handle] { handle.resume(); }); });
}

Task<Result<>> commit_durably(durable::Batch batch) {
  Result<> outcome;
  detail::Handoff handoff{[&](std::function<void()> resume) {
    durable::commit_async(std::move(batch), [&, resume = std::move(resume)](Result<> answer) {
      outcome = std::move(answer);
      resume();
    });
  }};
  co_await handoff;
  co_return outcome;
}

}  // namespace waxwing
