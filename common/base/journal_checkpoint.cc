// The journal's checkpoint, and how it comes out of the broken state.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/failpoint.h"
#include "common/base/journal.h"
#include "common/base/journal_reader.h"
#include "common/base/journal_start.h"
#include "common/base/journal_touch.h"
#include "common/base/random.h"
#include "common/base/time.h"

namespace waxwing::durable {

namespace {
// From the first byte of a file to its append: so long after a failed sync there may be one whose pages it lost.
constexpr std::int64_t kLongestCommitMs = 15LL * 60 * 1000;
}  // namespace

LogEnd Journal::end_now() const {
  const RobustLock lock(control_->append);
  return log_end(*control_);
}

// The place from which the log counts when what has been applied so far is on disk. When it may not be, because a sync
// failed that wrote the files of somebody who is yet to append them, that one is refused.
LogEnd Journal::note_end() {
  const RobustLock lock(control_->append);
  const auto end = log_end(*control_);
  if (control_->suspect != 0 || control_->checking != 0) control_->refused_before = end.lsn;
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
  if (end_now().lsn == control_->checkpointed && control_->suspect == 0 && control_->checking == 0) return {};
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

// Everything that was applied before is on disk.
Result<> Journal::sync_files() {
  const auto doubt = [this] {
    control_->failed_ms = monotonic_ms();
    control_->suspect = 1;
  };
  if (control_->checking != 0) doubt();  // the dead did not tell how it ended
  const auto synced = [&]() -> Result<> {
    if (control_->suspect != 0) {
      TRY(const auto last, load_checkpoint(settings_.directory));
      JournalReader reader(files_);
      if (last) reader.start(last->lsn, last->chain);
      if (last) TRY_VOID(touch_again(reader, settings_.root));
    }
    control_->checking = 1;
    return syncfs_all();
  }();
  if (!synced) {
    doubt();
    report("journal.checkpoint.failed", {{"error", synced.error().text}}, true);
  } else if (monotonic_ms() - control_->failed_ms > kLongestCommitMs) {
    control_->suspect = 0;
  }
  control_->checking = 0;
  return synced;
}

Result<> Journal::syncfs_all() {
  std::vector<std::string> directories{settings_.directory};
  const auto count = control_->root_count.load();
  for (std::uint32_t n = 0; n < count; ++n) {
    const std::string_view root = control_->roots[n];
    directories.push_back(root.starts_with('/') ? std::string(root)
                                                : settings_.root + "/" + std::string(root));
  }
  for (const auto& directory : directories) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) {
      if (errno == ENOENT) continue;  // its files went with it
      return std::unexpected(system_error("cannot stat " + directory, errno));
    }
    if (file_systems_.contains(status.st_dev)) continue;
    TRY(auto opened, open_file(directory, O_RDONLY | O_DIRECTORY));
    file_systems_.emplace(status.st_dev, std::move(opened));
  }
  for (const auto& [device, fd] : file_systems_) {
    TRY_VOID(failpoint("journal.checkpoint"));
    if (::syncfs(fd.get()) != 0) return std::unexpected(system_error("cannot sync a file system", errno));
  }
  return {};
}

Result<> Journal::recover() {
  const RobustLock lock(control_->checkpoint);
  if (!broken()) return {};
  note_end();
  if (auto synced = sync_files(); !synced) return std::unexpected(stopped());
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
