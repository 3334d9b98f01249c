#include "common/net/workers.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/failpoint.h"

namespace waxwing {

// The thread that went to sleep last is woken first: its stack, its part of the heap and its core are still warm,
// and however large the pool, as few threads take part as the work needs.
struct WorkerPool::Inner {
  struct Worker {
    std::condition_variable wake;
    std::function<void()> job;  // under the mutex; empty while there is none
    std::thread thread;
  };

  const unsigned most;
  const durable::Blocking blocking;
  std::mutex mutex;
  std::deque<std::function<void()>> waiting;  // only while nobody is idle
  std::vector<Worker*> idle;
  std::vector<std::unique_ptr<Worker>> workers;  // until the end, so that who wakes one needs no lock
  bool ending = false;

  Inner(unsigned threads, durable::Blocking submit)
      : most(threads == 0 ? 1 : threads), blocking(std::move(submit)) {}

  void work(Worker& self) {
    for (auto job = next_job(self); job; job = next_job(self)) {
      job();
      job = nullptr;  // what it holds goes before the wait for the next, which may be long
    }
  }

  // Empty: the pool ends.
  std::function<void()> next_job(Worker& self) {
    std::unique_lock lock(mutex);
    if (!self.job && !waiting.empty()) {
      self.job = std::move(waiting.front());
      waiting.pop_front();
    }
    if (!self.job && !ending) {
      idle.push_back(&self);
      self.wake.wait(lock, [&] { return ending || self.job; });
      if (!self.job) std::erase(idle, &self);
    }
    return std::exchange(self.job, nullptr);
  }

  // Who is to be woken for this work, if anybody.
  Worker* place(std::function<void()> job) {
    const std::lock_guard lock(mutex);
    if (!idle.empty()) {
      auto* const worker = idle.back();
      idle.pop_back();
      worker->job = std::move(job);
      return worker;
    }
    if (workers.size() == most || ending) {
      waiting.push_back(std::move(job));
      return nullptr;
    }
    start(std::move(job));
    return nullptr;
  }

  // When the system gives no thread, the work waits for those there are; without any this throws.
  void start(std::function<void()> job) {
    auto& worker = *workers.emplace_back(std::make_unique<Worker>());
    worker.job = std::move(job);
    try {
      if (const auto allowed = failpoint("workers.thread"); !allowed)
        throw std::runtime_error(allowed.error().text);
      worker.thread = std::thread([this, &worker] { work(worker); });
    } catch (const std::exception&) {
      job = std::move(worker.job);
      workers.pop_back();
      if (workers.empty()) throw;
      waiting.push_back(std::move(job));
    }
  }
};

WorkerPool::WorkerPool(unsigned threads)
    : inner_(std::make_unique<Inner>(threads,
                                     [this](std::function<void()> work) { submit(std::move(work)); })) {}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(inner_->mutex);
    inner_->ending = true;
    for (auto* const worker : inner_->idle) worker->wake.notify_one();
  }
  for (const auto& worker : inner_->workers) worker->thread.join();
}

void WorkerPool::submit(std::function<void()> work) {
  if (auto* const worker = inner_->place(std::move(work))) worker->wake.notify_one();
}

void WorkerPool::commit(durable::Batch batch, std::function<void(Result<>)> done) {
  durable::commit_here(std::move(batch), std::move(done), inner_->blocking);
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
