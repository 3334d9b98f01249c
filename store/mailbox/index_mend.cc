// Mending an index after a writer was killed under the lock, or after a power cut: one pass over all
// slots that trusts nothing but records whose checksums hold. index_format.h says which states there can be.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/is_there.h"
#include "common/log/log.h"
#include "common/spool/message_file.h"
#include "store/detail/errors.h"
#include "store/detail/paths.h"
#include "store/mailbox/index.h"

namespace waxwing::store {

namespace {
constexpr std::uint32_t kMostInGap = 65536;  // UIDs that are looked at one by one

bool is_blank(const IndexRecord& record) {
  static constexpr char kZeros[kRecordBytes] = {};
  return std::memcmp(&record, kZeros, kRecordBytes) == 0;
}

// Bits that stand for no name.
KeywordSet unnamed(const KeywordSet& set, std::uint32_t names) {
  KeywordSet rest = set;
  for (std::uint32_t n = 0; n < names; ++n) rest.bits[n / 64] &= ~(std::uint64_t{1} << (n % 64));
  return rest;
}
}  // namespace

// An error that may pass is no answer: what is not whole is removed.
Result<bool> Index::Writer::message_is_whole(const IndexRecord& record) const {
  const auto whole = [&]() -> Result<> {
    TRY(const auto file, spool::MessageFile::open(message_path(index_.directory(), record.uid)));
    if (file.message_size() != record.size) return permanent("of another size");
    return file.verify_message();
  }();
  if (!whole && whole.error().fault != Fault::permanent)
    return wrap(
        whole.error(),
        index_.directory() + " waits for a message: see to the disk, or run reconstruct -f for this mailbox");
  return whole.has_value();
}

Result<> Index::Writer::mend(bool power_cut) {
  TRY_VOID(failpoint("store.index.mend"));
  put(header().busy, static_cast<std::uint32_t>(::getpid()));
  put(header().capacity, map_->slots());
  put(header().tail, std::min(header().tail, map_->slots()));
  auto tail = header().tail;
  if (power_cut) {
    TRY(tail, settle_after_power_cut());
  } else {
    settle_tail();
  }
  TRY_VOID(count_anew(tail));
  account_.mark_suspect();
  mended_ = true;
  if (power_cut) {
    const auto boot = boot_id();
    std::memcpy(header().boot_id, boot.data(), boot.size());
  }
  log::Event("store.index.mended")
      .with("mailbox", index_.directory())
      .with("cause", power_cut ? "restart of the system" : "killed writer")
      .with("messages", static_cast<std::int64_t>(header().messages))
      .notice();
  return {};
}

// Decides every slot behind count that nobody alive works on.
void Index::Writer::settle_tail() {
  for (auto slot = header().count; slot < header().tail; ++slot) {
    auto& record = map_->record(slot);
    const bool whole = record.uid != 0 && record.fixed_hash == fixed_hash(record);
    auto moving = read_moving(record);
    if (whole && (moving.flags & kReserved) && owner_lives(slot)) continue;
    moving.modseq = 0;
    if (whole && publishing_had_begun(slot)) moving.flags &= ~kReserved;
    if (!whole || (moving.flags & (kDead | kReserved)) != 0) {
      if (whole) (void)durable::remove(message_path(index_.directory(), record.uid));
      if (!whole) record.uid = 0;
      moving.flags = kVoid;
    }
    write_moving(record, moving);
  }
}

// Tail, count and reservations are of another run; what the disk has is what counts. Answers where the used
// slots end. A slot without a record becomes void, with a UID that keeps the order.
Result<std::uint32_t> Index::Writer::settle_after_power_cut() {
  const auto slots = map_->slots();
  TRY_VOID(allocate(slots));  // a record that was written back may stand behind a hole
  index_.reserved_.clear();
  put(header().changes, header().changes + kRingSlots);  // nobody who saw the ring of that run is alive
  count_keywords();
  std::uint32_t end = 0, last_uid = 0;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    auto& record = map_->record(slot);
    if (record.fixed_hash != fixed_hash(record) || record.uid <= last_uid + (slot - end)) continue;
    if (slot > end) TRY_VOID(look_into_gap(end, slot, last_uid + 1, record.uid));
    for (; end < slot; ++end) make_void(end, ++last_uid);
    last_uid = record.uid;
    TRY(const bool stays, survives(slot));
    if (!stays) {
      TRY_VOID(durable::remove(message_path(index_.directory(), last_uid)));
      make_void(slot, last_uid);
    }
    end = slot + 1;
  }
  TRY_VOID(look_into_gap(end, std::max(slots, header().count), last_uid + 1, header().next_uid));
  for (auto slot = end; slot < slots; ++slot)
    if (!is_blank(map_->record(slot))) map_->record(slot) = IndexRecord{};
  put(header().count, std::min(header().count, end));
  put(header().tail, end);
  return end;
}

// The table of keywords ends at the first empty row: a name that somebody was promised has all before it.
void Index::Writer::count_keywords() {
  std::uint32_t known = 0;
  while (known < kMaxKeywords && *map_->keyword(known) != '\0') ++known;
  std::memset(map_->keyword(known), 0, (kMaxKeywords - known) * kKeywordBytes);
  put(header().keyword_count, known);
}

// These slots hold no record, so there is none for the UIDs in [first_uid, end_uid). Where nothing was ever
// written and readers saw nothing, a file of such a UID belongs to an append that was not answered: it
// goes. Anywhere else its record has rotted.
Result<> Index::Writer::look_into_gap(std::uint32_t slot, std::uint32_t end_slot, std::uint32_t first_uid,
                                      std::uint32_t end_uid) {
  bool blank = slot >= header().count;
  for (; blank && slot < std::min(end_slot, map_->slots()); ++slot) blank = is_blank(map_->record(slot));
  end_uid = std::min(end_uid, first_uid + kMostInGap);
  for (auto uid = first_uid; uid < end_uid; ++uid) {
    const auto path = message_path(index_.directory(), uid);
    TRY(const bool there, is_there(path));
    if (!there) continue;
    if (!blank)
      return fail_for_now(Code::corrupt, index_path(index_.directory()) + ": the record of message " +
                                             std::to_string(uid) +
                                             " is damaged: run reconstruct for this mailbox");
    TRY_VOID(durable::remove(path));
  }
  return {};
}

// A whole record may show the moment of its commit: reserved, without a modseq. Then it was published later,
// or it is one that reached the disk although nobody waited for it: its message tells.
Result<bool> Index::Writer::survives(std::uint32_t slot) {
  auto& record = map_->record(slot);
  auto moving = read_moving(record);
  if (moving.flags & kDead) return true;
  const auto unknown = unnamed(moving.keywords, header().keyword_count);
  if ((moving.flags & kReserved) == 0 && moving.modseq != 0 && unknown.empty()) return true;
  TRY(const bool committed, landing_was_committed(slot));
  if (!committed) return false;
  moving.flags &= ~kReserved;
  moving.modseq = 0;
  for (int n = 0; n < 2; ++n) moving.keywords.bits[n] &= ~unknown.bits[n];
  write_moving(record, moving);
  return true;
}

void Index::Writer::make_void(std::uint32_t slot, std::uint32_t uid) {
  IndexRecord record{};
  record.uid = uid;
  record.flags = kVoid;
  record.fixed_hash = fixed_hash(record);
  record.moving_hash = moving_hash(record);
  map_->record(slot) = record;
}

// A live record whose moving part was torn keeps the flags it has, under a new modseq, so that every
// client looks at it again.
void Index::Writer::mend_record(std::uint32_t slot) {
  auto& record = map_->record(slot);
  auto moving = read_moving(record);
  if ((moving.flags & kDead) == 0 &&
      (moving.modseq == 0 || moving.modseq > kMostModseq || record.moving_hash != moving_hash(record) ||
       (record.version & 1) != 0 || moving.flags & kReserved)) {
    moving.flags &= kSystemFlags;
    moving.modseq = account_.next_modseq();
    write_moving(record, moving);
  } else if (record.version & 1) {
    write_moving(record, moving);
  }
}

// What the header says of the messages, as a pass over all slots finds it.
struct Index::Writer::Tally {
  std::uint32_t count = 0;  // slots up to the first that is still reserved
  std::uint32_t messages = 0, unseen = 0, deleted = 0, first_unseen = 0, last_uid = 0;
  std::uint64_t bytes = 0, highest_modseq = 0;

  void add(std::uint32_t slot, const IndexRecord& record, const Moving& moving) {
    messages += 1;
    bytes += record.size;
    if (moving.flags & kDeleted) deleted += 1;
    if (moving.flags & kSeen) return;
    if (unseen == 0) first_unseen = slot;
    unseen += 1;
  }
};

// What counts must be whole, and UIDs must rise.
Result<> Index::Writer::check_slot(std::uint32_t slot, std::uint32_t last_uid) {
  auto& record = map_->record(slot);
  const auto damaged = [this](const std::string& what) {
    return fail_for_now(Code::corrupt,
                        index_path(index_.directory()) + ": " + what + ": run reconstruct for this mailbox");
  };
  if (slot < header().count && record.fixed_hash != fixed_hash(record))
    return damaged("record " + std::to_string(slot) + " is damaged");
  // A void slot may hold anything; its UID must still be in order for the searches.
  if ((read_moving(record).flags & kVoid) && record.uid <= last_uid) {
    record.uid = last_uid + 1;
    record.fixed_hash = fixed_hash(record);
  }
  if (record.uid <= last_uid) return damaged("UIDs are out of order");
  return {};
}

Result<> Index::Writer::count_anew(std::uint32_t tail) {
  auto& head = header();
  Tally tally{.highest_modseq = head.highestmodseq > kMostModseq ? 0 : head.highestmodseq};
  bool decided = true;
  put(head.dead_head, 0);
  head.dead_count = 0;
  for (std::uint32_t slot = 0; slot < tail; ++slot) {
    TRY_VOID(check_slot(slot, tally.last_uid));
    const auto& record = map_->record(slot);
    auto moving = read_moving(record);
    tally.last_uid = record.uid;
    decided = decided && (slot < head.count || (moving.flags & kReserved) == 0);
    if (!decided) continue;
    tally.count = slot + 1;
    const bool dead = moving.flags & kDead;
    if (dead) {
      moving.modseq = std::min(moving.modseq, kMostModseq);
      bury(slot, moving);
    } else {
      mend_record(slot);
      moving = read_moving(record);
      tally.add(slot, record, moving);
    }
    tally.highest_modseq = std::max(tally.highest_modseq, moving.modseq);
  }
  publish_tally(tally, tail);
  return {};
}

void Index::Writer::publish_tally(const Tally& tally, std::uint32_t tail) {
  auto& head = header();
  head.messages = tally.messages;
  head.unseen = tally.unseen;
  head.deleted = tally.deleted;
  head.bytes = tally.bytes;
  head.highestmodseq = tally.highest_modseq;
  account_.raise_modseq(tally.highest_modseq);
  put(head.first_unseen_hint, tally.unseen == 0 ? tally.count : tally.first_unseen);
  put(head.next_uid, std::max({head.next_uid, head.public_next_uid, tally.last_uid + 1}));
  // UIDs of void slots behind the last message are spent as well; that of the first reserved one is not.
  const auto behind_last = tally.count == 0 ? map_->record(0).uid : map_->record(tally.count - 1).uid + 1;
  put(head.public_next_uid,
      tally.count == tail ? head.next_uid : std::max(head.public_next_uid, behind_last));
  put(head.version_, (head.version_ | 1) + 1);
  put(head.count, tally.count);
  put(head.changes, head.changes + kRingSlots);
}

}  // namespace waxwing::store
