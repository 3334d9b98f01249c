// One thread of each process that writes: makes the checkpoints that nobody waits for.
#include <algorithm>
#include <chrono>
#include <exception>

#include "common/base/journal.h"
#include "common/base/time.h"

namespace waxwing::durable {

namespace {
constexpr std::int64_t kOldestMs = 30000;  // how long a record may wait for its checkpoint
constexpr std::chrono::milliseconds kPauseAfterFailure{2000};
}  // namespace

bool Journal::is_half_full(std::uint64_t lsn) const {
  const auto half = std::max<std::uint64_t>(settings_.segments / 2, 1) * settings_.segment_bytes;
  return lsn > control_->checkpointed + half;
}

// After every append: two loads, unless there is something to do.
void Journal::wake_housekeeper(std::uint64_t lsn) {
  const bool urgent = is_half_full(lsn);
  if (timer_runs_.load(std::memory_order_relaxed) && !urgent) return;
  {
    const std::lock_guard lock(housekeeper_mutex_);
    if (ending_) return;
    try {
      if (!housekeeper_.joinable()) housekeeper_ = std::thread([this] { housekeep(); });
    } catch (const std::exception&) {
      return;  // what was appended is not the worse for it; the next append tries again
    }
    if (work_comes_ && timer_runs_) return;
    timer_runs_ = true;
    work_comes_ = work_comes_ || urgent;
  }
  housekeeper_wakes_.notify_one();
}

void Journal::housekeep() {
  std::unique_lock lock(housekeeper_mutex_);
  while (!ending_) {
    housekeeper_wakes_.wait(lock, [this] { return ending_ || timer_runs_; });
    housekeeper_wakes_.wait_for(lock, std::chrono::milliseconds(kOldestMs),
                                [this] { return ending_ || work_comes_; });
    if (ending_) return;
    lock.unlock();
    const bool done = tend();
    lock.lock();
    // Not at once again while the disk refuses.
    if (!done) housekeeper_wakes_.wait_for(lock, kPauseAfterFailure, [this] { return ending_; });
    work_comes_ = false;
    timer_runs_ = control_->unchecked_since_ms != 0;
  }
}

// False: tried and failed. When another process is at it already there is nothing to do.
bool Journal::tend() {
  const auto since = control_->unchecked_since_ms.load();
  const bool old = since != 0 && monotonic_ms() - since >= kOldestMs;
  if (!old && !is_half_full(end_now().lsn)) return true;
  if (broken()) return recover().has_value();
  const RobustLock lock(control_->checkpoint, std::try_to_lock);
  return !lock.held() || checkpoint_locked().has_value();
}

void Journal::end_housekeeper() {
  {
    const std::lock_guard lock(housekeeper_mutex_);
    ending_ = true;
  }
  housekeeper_wakes_.notify_all();
  if (housekeeper_.joinable()) housekeeper_.join();
}

}  // namespace waxwing::durable
