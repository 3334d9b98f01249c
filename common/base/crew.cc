#include "common/base/crew.h"

#include <algorithm>
#include <utility>

#include "common/base/failpoint.h"

namespace waxwing {

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  work_comes_.notify_all();
  for (auto& helper : helpers_) helper.join();
}

void Crew::each(std::size_t count, const std::function<void(std::size_t)>& work) {
  if (count == 1) return work(0);
  std::unique_lock lock(mutex_);
  work_ = &work;
  count_ = count;
  next_ = done_ = 0;
  start_helpers();
  for (std::size_t n = 1; n < std::min(count, helpers_.size() + 1); ++n) work_comes_.notify_one();
  take_items(lock);
  all_done_.wait(lock, [this] { return done_ == count_; });
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

// Under the lock.
void Crew::start_helpers() {
  try {
    while (helpers_.size() < most_helpers_ && helpers_.size() + 1 < count_) {
      if (!failpoint("crew.thread")) return;
      helpers_.emplace_back([this] { help(); });
    }
  } catch (const std::exception&) {
    // The system gives no more threads: work_ is set, and nobody may leave before it is done.
  }
}

void Crew::help() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_comes_.wait(lock, [this] { return ending_ || next_ < count_; });
    if (ending_) return;
    take_items(lock);
  }
}

void Crew::take_items(std::unique_lock<std::mutex>& lock) {
  while (next_ < count_) {
    const auto item = next_++;
    lock.unlock();
    std::exception_ptr thrown;
    try {
      (*work_)(item);
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    if (!thrown_) thrown_ = thrown;
    if (++done_ == count_) all_done_.notify_one();
  }
}

}  // namespace waxwing
