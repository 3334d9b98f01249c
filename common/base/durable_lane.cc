#include <algorithm>
#include <exception>
#include <future>
#include <thread>

#include "common/base/durable_committer.h"
#include "common/base/failpoint.h"

namespace waxwing::durable {

namespace {
// No memory is needed until every job has failed: an outcome that stays as it was says success.
void fail_all(std::vector<Job>& jobs, const char* why) noexcept {
  for (auto& job : jobs)
    if (job.outcome) job.outcome = std::unexpected(Error{Fault::temporary, {}});
  try {
    for (auto& job : jobs)
      if (job.outcome.error().text.empty())
        job.outcome.error().text = std::string("the commit was broken off: ") + why;
  } catch (const std::exception&) {
    return;
  }
}
}  // namespace

Counters Lane::counters() {
  const std::lock_guard lock(mutex_);
  return counters_;
}

// Under the lock.
bool Lane::wake_own_thread() {
  try {
    if (!started_) {
      if (!failpoint("durable.thread")) return false;
      std::thread([this] { run(); }).detach();
      started_ = true;
    }
  } catch (const std::exception&) {
    return false;
  }
  wake_.notify_one();
  return true;
}

void Lane::submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(job));
    // Who is at it looks once more when it is done.
    if (busy_ || wake_own_thread()) return;
    job = std::move(waiting_.back());
    waiting_.pop_back();
  }
  job.done(temporary("no thread can be started for the commit: see the limits on processes and threads"));
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
  try {
    pass_(jobs, crew_);
  } catch (const std::exception& thrown) {
    fail_all(jobs, thrown.what());
  }
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
  for (bool alone = true; alone;) {
    std::vector<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      jobs = pass(lock);
      alone = !waiting_.empty() && !wake_own_thread();
    }
    answer(std::move(jobs), which);
    alone = alone && step_in_again();
  }
}

bool Lane::step_in_again() {
  const std::lock_guard lock(mutex_);
  return !waiting_.empty() && !std::exchange(busy_, true);
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
