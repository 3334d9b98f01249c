// The journal's checkpoint, and how it comes out of the broken state.
#include "common/base/journal.h"
#include "common/base/journal_start.h"
#include "common/base/random.h"
#include "common/base/time.h"

namespace waxwing::durable {

LogEnd Journal::end_now() const {
  const RobustLock lock(control_->append);
  return log_end(*control_);
}

// The place from which the log counts when what has been applied so far is on disk. When it may not be, because a sync
// failed that wrote the files of somebody who is yet to append them, that one is refused.
LogEnd Journal::note_end() {
  const RobustLock lock(control_->append);
  const auto end = log_end(*control_);
  if (is_in_doubt()) control_->refused_before = end.lsn;
  control_->noted = end.lsn;
  note_time();
  return end;
}

Result<> Journal::checkpoint() {
  if (broken()) return recover();
  const RobustLock lock(control_->checkpoint);
  return checkpoint_locked();
}

Result<> Journal::checkpoint_locked() {
  if (end_now().lsn == control_->checkpointed && control_->doubt == 0 && control_->checking == 0) return {};
  TRY_VOID(begin_sync());
  const auto end = note_end();
  TRY_VOID(sync_files());
  const auto serial = control_->checkpoint_serial + 1;
  if (auto stored = store_checkpoint(settings_.directory,
                                     {serial, settings_.segment_bytes, end.lsn, end.chain, control_->key});
      !stored) {
    report("journal.checkpoint.failed", {{"error", stored.error().text}}, true);
    return stored;
  }
  control_->checkpoint_serial = serial;
  control_->checkpointed = end.lsn;  // from here on its segments are free
  control_->checkpoints.fetch_add(1, std::memory_order_relaxed);
  const RobustLock append(control_->append);
  control_->unchecked_since_ms = log_end(*control_).lsn == end.lsn ? 0 : monotonic_ms();
  return {};
}

Result<> Journal::recover() {
  const RobustLock lock(control_->checkpoint);
  if (!broken()) return {};
  if (!begin_sync()) return std::unexpected(stopped());
  note_end();
  if (!sync_files()) return std::unexpected(stopped());
  TRY_VOID(start_afresh());
  report("journal.recovered", {}, false);
  return {};
}

// Nobody appends while the journal is broken, so its end stays where it is. Every step may be the last of
// this process: until broken is cleared the next one begins again.
Result<> Journal::start_afresh() {
  const auto size = settings_.segment_bytes;
  const auto old = end_now();
  const auto number = old.lsn / size + 1;
  const LogEnd fresh{number * size + kSegmentHeaderBytes, random_u64()};
  int slot = slot_of(*control_, number);
  for (int n = static_cast<int>(control_->slots.load()) - 1; slot < 0 && n >= 0; --n)
    if (control_->slot_segment[n] != old.lsn / size) slot = n;
  // The checkpoint first: it says that no record of the old segments is needed.
  const auto serial = control_->checkpoint_serial + 1;
  TRY_VOID(store_checkpoint(settings_.directory, {serial, size, fresh.lsn, fresh.chain, control_->key}));
  control_->checkpoint_serial = serial;
  TRY_VOID(files_.write_header(static_cast<unsigned>(slot), {size, number, fresh.chain, 0, control_->key}));
  {
    const RobustLock append(control_->append);
    control_->slot_segment[slot] = number;
    set_log_end(*control_, fresh);
    control_->refused_before = fresh.lsn;  // it may have been applied after the sync
    control_->unchecked_since_ms = 0;
  }
  control_->synced = fresh.lsn;
  control_->checkpointed = fresh.lsn;
  control_->broken = 0;
  return {};
}

}  // namespace waxwing::durable
