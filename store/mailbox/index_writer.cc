// Writing under the lock: the steps that index_format.h describes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "store/detail/errors.h"
#include "store/detail/paths.h"
#include "store/mailbox/index.h"
#include "store/mailbox/index_wait.h"

namespace waxwing::store {

namespace {
// The header's summary is read without the lock: odd while it changes.
class Summary {
 public:
  explicit Summary(IndexHeader& header) : header_(header) {
    put(header_.version_, header_.version_ | 1);
    std::atomic_thread_fence(std::memory_order_release);
  }
  ~Summary() { put(header_.version_, header_.version_ + 1); }

 private:
  IndexHeader& header_;
};
}  // namespace

Result<std::unique_ptr<Index::Writer>> Index::lock(Account& account) {
  std::unique_ptr<Writer> writer(new Writer(*this, account, std::unique_lock(writer_mutex_)));
  TRY_VOID(lock_byte(fd(), kLockAt));
  TRY_VOID(writer->begin());
  return writer;
}

Result<std::unique_ptr<Index::Writer>> Index::try_lock(Account& account) {
  std::unique_ptr<Writer> none;
  std::unique_lock lock(writer_mutex_, std::try_to_lock);
  if (!lock || !try_lock_byte(fd(), kLockAt)) return none;
  if (needs_mending() || load(header().busy) != 0) {
    unlock_byte(fd(), kLockAt);
    return none;
  }
  std::unique_ptr<Writer> writer(new Writer(*this, account, std::move(lock)));
  TRY_VOID(writer->begin());
  return writer;
}

std::unexpected<Error> Index::Writer::cut_short() const {
  return fail_for_now(Code::corrupt,
                      index_path(index_.directory()) + " was cut short: run reconstruct for this mailbox");
}

// The byte is locked.
Result<> Index::Writer::begin() {
  locked_ = true;
  struct stat info {};
  (void)account_.last_modseq();  // now damaged() knows
  const auto wanted = kRecordsAt + std::uint64_t{index_.header().capacity} * kRecordBytes;
  if (::fstat(index_.fd(), &info) != 0)
    return std::unexpected(system_error("cannot stat " + index_path(index_.directory()), errno));
  if (index_.damaged() || account_.damaged() ||
      (static_cast<std::uint64_t>(info.st_size) < wanted && !index_.needs_mending()))
    return cut_short();
  map_ = index_.map(std::max(index_.header().capacity, index_.header().tail));
  if (load(header().state) & kMailboxGone)
    return fail_permanently(Code::nonexistent, "the mailbox was deleted");
  if (index_.superseded()) return fail_for_now(Code::in_use, "the index was replaced");
  put(header().state, load(header().state) & ~kSuperseded);
  const bool power_cut = index_.needs_mending();
  if (power_cut || header().busy != 0) TRY_VOID(mend(power_cut));
  if (index_.damaged()) return cut_short();
  if (!is_plausible(*map_))
    return fail_for_now(Code::corrupt, index_path(index_.directory()) +
                                           " is damaged (counters): run reconstruct for this mailbox");
  put(header().busy, static_cast<std::uint32_t>(::getpid()));
  healthy_ = true;
  settle_dead_writers();
  return {};
}

Index::Writer::~Writer() {
  if (!locked_) return;
  if (!healthy_) {
    unlock_byte(index_.fd(), kLockAt);
    return;
  }
  // Last of all, so that who reads it finds every change up to it.
  if (highest_ > header().highestmodseq) put(header().highestmodseq, highest_);
  put(header().busy, 0);
  unlock_byte(index_.fd(), kLockAt);
  lock_.unlock();  // the sum reads every index of the account, and nobody need wait for that
  if (mended_) (void)account_.sum_up();  // suspect until it succeeds
}

bool Index::Writer::owner_lives(std::uint32_t slot) const {
  return index_.reserved_.contains(slot) || locked_by_others(index_.fd(), kSlotLocksAt + slot);
}

// A writer that died between reserve and publish must not hold back those behind it. Only the first slot
// can do that; the others are looked at when their turn comes.
void Index::Writer::settle_dead_writers() {
  while (header().count < header().tail) {
    const auto slot = header().count;
    auto& record = map_->record(slot);
    auto moving = read_moving(record);
    if ((moving.flags & kReserved) && owner_lives(slot)) return;
    if (moving.flags & kReserved) {
      (void)durable::remove(message_path(index_.directory(), record.uid));
      moving.flags = kVoid;
      write_moving(record, moving);
      account_.add_usage(-static_cast<std::int64_t>(record.size), -1);  // its claim, see MailboxFiles::land
    }
    advance(0);
  }
}

Result<> Index::Writer::allocate(std::uint32_t slots) {
  TRY_VOID(failpoint("store.index.allocate"));
  const auto size = kRecordsAt + std::size_t{slots} * kRecordBytes;
  if (const int error = ::posix_fallocate(index_.fd(), 0, static_cast<off_t>(size)); error != 0)
    return std::unexpected(system_error("cannot grow " + index_path(index_.directory()), error));
  return {};
}

Result<> Index::Writer::grow(std::uint32_t slots) {
  if (slots <= header().capacity && slots <= map_->slots()) return {};
  if (slots > header().capacity) {
    const auto capacity = std::max(slots, header().capacity + std::clamp(header().capacity / 4, 32u, 8192u));
    TRY_VOID(allocate(capacity));
    put(header().capacity, capacity);
  }
  map_ = index_.map(header().capacity);
  if (map_->slots() < slots) return temporary("cannot map " + index_path(index_.directory()));
  return {};
}

Result<std::vector<std::uint32_t>> Index::Writer::reserve(std::vector<IndexRecord>& records, bool together) {
  const auto first = header().tail;
  if (records.size() > 0xffffff || first + records.size() > 0x7fffffff ||
      header().next_uid + records.size() > kMostUids)
    return fail_permanently(Code::limit, "the mailbox has no UIDs left");
  TRY_VOID(grow(first + static_cast<std::uint32_t>(records.size())));
  std::vector<std::uint32_t> slots;
  for (auto& record : records) {
    const auto slot = first + static_cast<std::uint32_t>(slots.size());
    TRY_VOID(lock_byte(index_.fd(), kSlotLocksAt + slot));
    record.uid = header().next_uid + static_cast<std::uint32_t>(slots.size());
    record.landing_size = together && records.size() > 1 ? static_cast<std::uint32_t>(records.size()) : 0;
    record.landing_place = record.landing_size == 0 ? 0 : static_cast<std::uint32_t>(slots.size());
    record.fixed_hash = fixed_hash(record);
    record.version = 0;
    record.flags |= kReserved;
    record.modseq = 0;
    record.dead_link = record.expunged_at = 0;
    record.moving_hash = moving_hash(record);
    std::memcpy(&map_->record(slot), &record, sizeof record);
    index_.reserved_.insert(slot);
    slots.push_back(slot);
  }
  put(header().next_uid, header().next_uid + static_cast<std::uint32_t>(slots.size()));
  put(header().tail, first + static_cast<std::uint32_t>(slots.size()));
  return slots;
}

void Index::Writer::publish(const std::vector<std::uint32_t>& slots) {
  for (const auto slot : slots) {
    auto& record = map_->record(slot);
    auto moving = read_moving(record);
    moving.flags &= ~kReserved;
    write_moving(record, moving);
    index_.reserved_.erase(slot);
    unlock_byte(index_.fd(), kSlotLocksAt + slot);
  }
  advance(slots.size());
}

void Index::Writer::abandon(const std::vector<std::uint32_t>& slots) {
  for (const auto slot : slots) {
    auto& record = map_->record(slot);
    auto moving = read_moving(record);
    moving.flags = kVoid;
    write_moving(record, moving);
    index_.reserved_.erase(slot);
    unlock_byte(index_.fd(), kSlotLocksAt + slot);
  }
  advance(slots.size());
}

// Moves count over everything that is decided. The modseq is drawn here: never behind one that readers
// have seen already. Who moves it over more than its own slots moves it over those of somebody who may be
// waiting for that; and whose slot stands first now may be waiting for his turn.
void Index::Writer::advance(std::size_t own) {
  const auto before = header().count;
  auto count = before;
  const Summary summary(header());
  for (; count < header().tail; ++count) {
    auto& record = map_->record(count);
    auto moving = read_moving(record);
    if (moving.flags & kReserved) break;
    if (moving.flags & kVoid) {
      bury(count, moving);
      count_flags(kSeen, kSeen, count);
    } else {
      moving.modseq = account_.next_modseq();
      write_moving(record, moving);
      highest_ = moving.modseq;
      header().messages += 1;
      header().bytes += record.size;
      count_flags(kSeen, moving.flags, count);
      put(header().public_next_uid, record.uid + 1);
    }
  }
  put(header().count, count);
  if (count - before > own || count < header().tail) wake_waiting(header().count);
}

// The record joins the chain of the dead.
void Index::Writer::bury(std::uint32_t slot, Moving moving) {
  moving.dead_link = header().dead_head;
  write_moving(map_->record(slot), moving);
  header().dead_count += 1;
  put(header().dead_head, slot + 1);
}

// Keeps unseen and deleted right when a message's flags go from before to after. A message that is not
// there counts as seen and not deleted.
void Index::Writer::count_flags(std::uint32_t before, std::uint32_t after, std::uint32_t slot) {
  const auto bit = [](std::uint32_t flags, std::uint32_t flag) { return (flags & flag) != 0 ? 1u : 0u; };
  header().unseen += bit(before, kSeen) - bit(after, kSeen);
  header().deleted += bit(after, kDeleted) - bit(before, kDeleted);
  if ((after & kSeen) == 0) {
    if (slot < header().first_unseen_hint) put(header().first_unseen_hint, slot);
    return;
  }
  auto hint = header().first_unseen_hint;
  if (hint != slot) return;
  // The oldest unseen one was read: on to the next.
  for (++hint; hint < header().count; ++hint) {
    const auto flags = load(map_->record(hint).flags);
    if ((flags & (kSeen | kDead)) == 0) break;
  }
  put(header().first_unseen_hint, hint);
}

void Index::Writer::note_change(std::uint32_t slot, std::uint64_t modseq) {
  put(map_->ring(header().changes), slot);
  put(header().changes, header().changes + 1);
  highest_ = std::max(highest_, modseq);
}

void Index::Writer::change(std::uint32_t slot, std::uint32_t flags, const KeywordSet& keywords,
                           std::uint64_t modseq) {
  auto& record = map_->record(slot);
  auto moving = read_moving(record);
  const auto before = moving.flags;
  moving.flags = (before & ~kSystemFlags) | (flags & kSystemFlags);
  moving.keywords = keywords;
  moving.modseq = modseq;
  const Summary summary(header());
  write_moving(record, moving);
  count_flags(before, moving.flags, slot);
  note_change(slot, modseq);
}

void Index::Writer::expunge(std::uint32_t slot, std::uint64_t modseq) {
  auto& record = map_->record(slot);
  auto moving = read_moving(record);
  if (moving.flags & kDead) return;
  const Summary summary(header());
  const auto before = moving.flags;
  moving.flags |= kExpunged;
  moving.modseq = modseq;
  moving.expunged_at = static_cast<std::uint32_t>(wall_seconds());
  bury(slot, moving);
  header().messages -= 1;
  header().bytes -= record.size;
  count_flags(before, kSeen, slot);
  note_change(slot, modseq);
}

namespace {
// RFC 9051 flag-keyword: an atom that does not begin with a backslash.
bool is_keyword(std::string_view name) {
  if (name.empty()) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f && std::strchr("(){%*\"\\]", c) == nullptr;
  });
}
}  // namespace

Result<std::size_t> Index::Writer::keyword(std::string_view name) {
  if (!is_keyword(name)) return fail_permanently(Code::cannot, "not a keyword: " + printable(name));
  if (name.size() > kMaxKeywordBytes)
    return fail_permanently(Code::limit, "keyword is longer than 63 bytes: " + std::string(name));
  for (std::size_t n = 0; n < header().keyword_count; ++n)
    if (iequals(map_->keyword(n), name)) return n;
  const std::size_t n = header().keyword_count;
  if (n >= kMaxKeywords) return fail_permanently(Code::limit, "the mailbox has 128 keywords already");
  std::memset(map_->keyword(n), 0, kKeywordBytes);
  name.copy(map_->keyword(n), name.size());
  put(header().keyword_count, static_cast<std::uint32_t>(n + 1));
  return n;
}

}  // namespace waxwing::store
