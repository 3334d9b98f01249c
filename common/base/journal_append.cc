// The journal's two hot steps: append and wait. The danger is in journal.h; here is the order of the stores.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/failpoint.h"
#include "common/base/journal.h"
#include "common/base/journal_record.h"
#include "common/base/random.h"
#include "common/base/time.h"

namespace waxwing::durable {

namespace {
constexpr std::size_t kMostRangeBytes = 64 << 10;
constexpr std::size_t kMostAtOnce = 1 << 20;  // that the lock is held for, and a range more

Result<> encode(std::string& out, const Range& range, std::string_view name) {
  std::string image;
  range.image(image);
  if (image.size() > kMostRangeBytes || range.guard.size() > kMostRangeBytes)
    return bug("range of " + range.path + " is too long for the journal");
  encode_range(out, name, range.offset, image, range.guard_offset, range.guard, range.ageing);
  return {};
}
}  // namespace

Error Journal::stopped() const {
  return {Fault::temporary, "the journal " + settings_.directory +
                                " cannot be written; it is tried again with every commit, see the log"};
}

Result<std::uint64_t> Journal::append(std::string records, std::vector<const Range*> ranges,
                                      std::uint64_t since) {
  std::uint64_t lsn = 0;
  for (;;) {
    TRY(const bool room, append_some(records, ranges, since, lsn));
    if (records.empty() && ranges.empty()) return lsn;
    if (!room) TRY_VOID(make_room());
  }
}

Result<std::uint64_t> Journal::append_at_once(std::string record) {
  std::vector<const Range*> none;
  std::uint64_t lsn = 0;
  TRY(const bool room, append_some(record, none, kAnyTime, lsn));
  return room ? lsn : 0;
}

// Appends from the front of records, and of ranges when these are done, and takes off what it has appended. False:
// there is no room for the next one.
Result<bool> Journal::append_some(std::string& records, std::vector<const Range*>& ranges,
                                  std::uint64_t since, std::uint64_t& lsn) {
  bool room = false;
  {
    const RobustLock lock(control_->append);
    if (broken()) return std::unexpected(stopped());
    if (control_->closed != 0) return temporary("this process has left the journal and is ending");
    if (refuses(since))
      return temporary("a file system could not be written while this was on its way; see the log");
    auto written = write_some(records, ranges, lsn);
    if (!written && written.error().fault == Fault::bug) return std::unexpected(written.error());
    if (!written) {
      // Part of it may be in the log already, and more may not follow: start afresh.
      control_->broken = 1;
      report("journal.broken", {{"error", written.error().text}}, true);
      return std::unexpected(Error{Fault::temporary, written.error().text});
    }
    room = *written;
  }
  wake_housekeeper(lsn);
  return room;
}

Result<bool> Journal::write_some(std::string& records, std::vector<const Range*>& ranges,
                                 std::uint64_t& lsn) {
  // Images are taken now: whoever changes the same bytes later appends later. Those that find no room are taken again.
  const auto fixed = records.size();
  std::size_t images = 0;
  for (; images < ranges.size() && records.size() < kMostAtOnce; ++images)
    TRY_VOID(encode(records, *ranges[images], name_of(ranges[images]->path)));
  // What a sync has covered since the log last told of one: see journal_find.cc.
  const auto synced = control_->synced.load();
  if (synced > control_->told_synced) encode_synced(records, synced, control_->key);
  auto end = log_end(*control_);
  std::size_t done = 0, images_done = 0;
  while (done < records.size()) {
    std::size_t count = 0;
    TRY(const bool room, fit(end, record_bytes(std::string_view(records).substr(done))));
    if (!room) break;
    const auto left = settings_.segment_bytes - end.lsn % settings_.segment_bytes;
    while (done + count < records.size()) {
      const auto next = record_bytes(std::string_view(records).substr(done + count));
      if (count + next > left) break;
      images_done += done + count >= fixed;
      count += next;
    }
    end.chain = seal_records(records.data() + done, count, end.lsn, end.chain);
    TRY_VOID(failpoint("journal.append"));
    const int slot = slot_of(*control_, end.lsn / settings_.segment_bytes);
    TRY(const int file, files_.fd(static_cast<unsigned>(slot)));
    TRY_VOID(
        write_at(file, end.lsn % settings_.segment_bytes, std::string_view(records).substr(done, count)));
    end.lsn += count;
    done += count;
    // Only now it is part of the log; a death before this line leaves bytes that are written over.
    set_log_end(*control_, end);
    lsn = end.lsn;
  }
  if (control_->unchecked_since_ms == 0 && done > 0) control_->unchecked_since_ms = monotonic_ms();
  control_->appends.fetch_add(1, std::memory_order_relaxed);
  const bool room = done == records.size();
  if (room) control_->told_synced = std::max(control_->told_synced.load(), synced);
  records.resize(fixed);
  records.erase(0, std::min(done, fixed));
  images_done = std::min(images_done, images);
  ranges.erase(ranges.begin(), ranges.begin() + static_cast<std::ptrdiff_t>(images_done));
  return room;
}

// Is there room for a record of count bytes? Goes on to the next segment if not in this one; false: no file
// is free for that.
Result<bool> Journal::fit(LogEnd& end, std::size_t count) {
  const auto size = settings_.segment_bytes;
  if (count > kMostRecordBytes || count > size - kSegmentHeaderBytes)
    return bug("a record of " + std::to_string(count) + " bytes is too long for the journal");
  const auto offset = end.lsn % size;
  if (offset != 0 && offset + count <= size && slot_of(*control_, end.lsn / size) >= 0) return true;
  return enter_segment(end);
}

// Who died before he moved the end may have left records behind it that follow it. Where the log goes on in another
// segment nothing is written over them, and they would be read as its end.
Result<> Journal::close_segment(std::uint64_t end) {
  const auto size = settings_.segment_bytes;
  const int slot = slot_of(*control_, end / size);
  if (slot < 0 || end % size == 0 || size - end % size < kRecordHeaderBytes) return {};
  TRY(const int file, files_.fd(static_cast<unsigned>(slot)));
  return write_at(file, end % size, std::string(kRecordHeaderBytes, '\0'));
}

Result<bool> Journal::enter_segment(LogEnd& end) {
  const auto size = settings_.segment_bytes;
  const auto number = (end.lsn + size - 1) / size;
  // Somebody may have died between choosing the file and moving the end.
  int slot = slot_of(*control_, number);
  const auto count = control_->slots.load();
  for (std::uint32_t n = 0; slot < 0 && n < count; ++n)
    if ((control_->slot_segment[n] + 1) * size <= control_->checkpointed) slot = static_cast<int>(n);
  if (slot < 0) return false;
  TRY_VOID(close_segment(end.lsn));
  control_->slot_segment[slot] = number;
  TRY_VOID(
      files_.write_header(static_cast<unsigned>(slot), {size, number, end.chain, end.lsn, control_->key}));
  end.lsn = number * size + kSegmentHeaderBytes;
  return true;
}

Result<> Journal::make_room() {
  const RobustLock lock(control_->checkpoint);
  const auto size = settings_.segment_bytes;
  const auto number = (end_now().lsn + size - 1) / size;
  const auto count = control_->slots.load();
  for (std::uint32_t n = 0; n < count; ++n) {
    const auto held = control_->slot_segment[n].load();
    if (held == number || (held + 1) * size <= control_->checkpointed) return {};  // another made room
  }
  if (count < std::clamp(settings_.segments, 2U, kMostSegments)) {
    const auto created = files_.create(count);
    if (created) {
      control_->slot_segment[count] = 0;
      control_->slots = count + 1;
      return {};
    }
    // A full disk must not keep anybody from deleting: what there is can be used again.
    if (!told_full_.exchange(true))
      report("journal.full", {{"segments", std::to_string(count)}, {"error", created.error().text}}, true);
    return checkpoint_locked();
  }
  if (!told_full_.exchange(true)) report("journal.full", {{"segments", std::to_string(count)}}, false);
  return checkpoint_locked();
}

// The log from..to is on disk. Segments whose file has been taken for another since need nothing: only what a
// checkpoint has passed is taken.
Result<> Journal::sync_segments(std::uint64_t from, std::uint64_t to) {
  const auto size = settings_.segment_bytes;
  for (auto number = from / size; number <= to / size; ++number) {
    const int slot = slot_of(*control_, number);
    if (slot < 0) continue;
    TRY_VOID(failpoint("journal.sync"));
    TRY(const int file, files_.fd(static_cast<unsigned>(slot)));
    if (::fdatasync(file) != 0)
      return std::unexpected(
          system_error("cannot sync " + files_.path_of(static_cast<unsigned>(slot)), errno));
  }
  return {};
}

Result<> Journal::wait(std::uint64_t lsn) {
  const auto durable = [&] { return std::max(control_->synced.load(), control_->checkpointed.load()); };
  if (durable() >= lsn) return {};
  {
    const RobustLock lock(control_->sync);
    if (control_->syncing != 0) control_->broken = 1;  // the dead did not tell how its sync ended
    if (durable() >= lsn) return {};
    if (!broken()) {
      const auto end = end_now().lsn;
      control_->syncing = 1;
      const auto synced = sync_segments(durable(), end);
      if (!synced) control_->broken = 1;
      if (synced) control_->synced = std::max(control_->synced.load(), end);
      control_->syncing = 0;
      control_->syncs.fetch_add(1, std::memory_order_relaxed);
      if (synced) return {};
      report("journal.broken", {{"error", synced.error().text}}, true);
      return std::unexpected(Error{Fault::temporary, synced.error().text});
    }
    control_->syncing = 0;
  }
  // What was appended was applied before: when the checkpoint succeeds it is durable.
  TRY_VOID(recover());
  return durable() >= lsn ? Result<>{} : std::unexpected(stopped());
}

}  // namespace waxwing::durable
