#include <algorithm>
#include <future>
#include <thread>

#include "common/base/durable_committer.h"

namespace waxwing::durable {

Counters Lane::counters() {
  const std::lock_guard lock(mutex_);
  return counters_;
}

// Under the lock.
void Lane::wake_own_thread() {
  if (!started_) {
    started_ = true;
    std::thread([this] { run(); }).detach();
  }
  wake_.notify_one();
}

void Lane::submit(Job job) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(job));
  // Who is at it looks once more when it is done.
  if (!busy_) wake_own_thread();
}

bool Lane::step_in(Job job) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(job));
  return !std::exchange(busy_, true);
}

std::vector<Job> Lane::pass(std::unique_lock<std::mutex>& lock) {
  std::vector<Job> jobs;
  jobs.swap(waiting_);
  counters_.passes += 1;
  counters_.batches += jobs.size();
  lock.unlock();
  pass_(jobs, crew_);
  lock.lock();
  busy_ = false;
  return jobs;
}

Result<> Lane::commit(Batch batch) {
  std::promise<Result<>> promise;
  auto answered = promise.get_future();
  if (step_in(
          {std::move(batch), [&](Result<> outcome) { promise.set_value(std::move(outcome)); }, {}, nullptr}))
    serve_now(Answers::those_that_do_not_block);
  return answered.get();
}

void Lane::serve(Job job) {
  if (step_in(std::move(job))) serve_now(Answers::all);
}

void Lane::serve_now(Answers which) {
  std::vector<Job> jobs;
  {
    std::unique_lock lock(mutex_);
    jobs = pass(lock);
    if (!waiting_.empty()) wake_own_thread();
  }
  answer(std::move(jobs), which);
}

// Those for one place go there together: one thread is woken for all.
void Lane::answer(std::vector<Job> jobs, Answers which) {
  std::vector<Job> elsewhere;
  for (auto& job : jobs) {
    if (which == Answers::all || job.blocking == nullptr)
      job.done(std::move(job.outcome));
    else
      elsewhere.push_back(std::move(job));
  }
  while (!elsewhere.empty()) {
    const auto* const place = elsewhere.front().blocking;
    const auto rest = std::stable_partition(elsewhere.begin(), elsewhere.end(),
                                            [&](const Job& job) { return job.blocking == place; });
    const auto mine = std::make_shared<std::vector<Job>>(std::make_move_iterator(elsewhere.begin()),
                                                         std::make_move_iterator(rest));
    elsewhere.erase(elsewhere.begin(), rest);
    (*place)([mine] {
      for (auto& job : *mine) job.done(std::move(job.outcome));
    });
  }
}

void Lane::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return !busy_ && !waiting_.empty(); });
    busy_ = true;
    auto jobs = pass(lock);
    lock.unlock();
    answer(std::move(jobs), Answers::those_that_do_not_block);
    lock.lock();
  }
}

}  // namespace waxwing::durable
