// The index file in memory: mapping, lock, and the steps of a record's life. The format and its crash rules
// stand in index_format.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "store/detail/mapping.h"
#include "store/mailbox/account.h"
#include "store/mailbox/index_format.h"

namespace waxwing::store {

template <class T>
T load(const T& word) {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_acquire);
}
template <class T>
void put(T& word, std::type_identity_t<T> value) {
  std::atomic_ref<T>(word).store(value, std::memory_order_release);
}

// Bytes of the index file that locks stand on; far behind its end.
inline constexpr std::uint64_t kLockAt = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kSlotLocksAt = kLockAt + 1;  // one byte a slot: its reservation is alive

// One mapping of an index file; readers keep it as long as they need it.
class IndexMap {
 public:
  explicit IndexMap(std::shared_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
  IndexHeader& header() const { return *reinterpret_cast<IndexHeader*>(mapping_->data()); }
  IndexRecord& record(std::uint32_t slot) const {
    return *reinterpret_cast<IndexRecord*>(mapping_->data() + kRecordsAt + std::size_t{slot} * kRecordBytes);
  }
  std::uint32_t& ring(std::uint64_t n) const {
    return reinterpret_cast<std::uint32_t*>(mapping_->data() + kRingAt)[n % kRingSlots];
  }
  bool damaged() const { return mapping_->damaged(); }
  char* keyword(std::size_t n) const { return mapping_->data() + kKeywordsAt + n * kKeywordBytes; }
  std::uint32_t slots() const {
    return static_cast<std::uint32_t>((mapping_->length() - kRecordsAt) / kRecordBytes);
  }

 private:
  std::shared_ptr<Mapping> mapping_;
};

// The part of a record that changes, read as one.
struct Moving {
  std::uint32_t flags = 0;
  std::uint64_t modseq = 0;
  KeywordSet keywords;
  std::uint32_t dead_link = 0;
  std::uint32_t expunged_at = 0;
};
// Waits out a writer; after a long wait (a writer killed in between) answers what is there.
Moving read_moving(const IndexRecord& record);
void write_moving(IndexRecord& record, const Moving& moving);

std::uint32_t fixed_hash(const IndexRecord& record);
std::uint32_t moving_hash(const IndexRecord& record);
std::uint64_t identity_hash(const IndexHeader& header);

// First slot in [0, count) whose UID is >= uid; count when none.
std::uint32_t slot_from(const IndexMap& map, std::uint32_t count, std::uint32_t uid);
std::optional<std::uint32_t> slot_of(const IndexMap& map, std::uint32_t count, std::uint32_t uid);
// Could this header belong to these records? Without the lock a writer at work can make it look damaged;
// under it, false means that nothing may be written here.
bool is_plausible(const IndexMap& map);

struct NewIndex {
  std::string mailbox_id;
  std::uint32_t uidvalidity = 0;
  std::uint64_t generation = 1;
  std::int64_t created = 0;
  std::uint32_t capacity = 0;
};
// Bytes of an empty index, header and tables, to be written at the head of a new file.
std::string empty_index(const NewIndex& values);
// Writes an empty index of that size to fd, space allocated.
Result<> lay_out_index(int fd, const NewIndex& values);

// The header as it is, by one read; checks identity only.
Result<IndexHeader> read_index_header(const std::string& path);

// What the messages of an index count for a quota, those that are reserved among them. Code::in_use while a writer
// has the lock: it may have claimed what it has not reserved yet, or expunged what it
// has not counted off.
Result<QuotaUsage> read_index_usage(const std::string& path);

// Does the name of this mailbox's index lead to the file that is open here?
bool bears_name(int fd, const std::string& mailbox_directory);

class Index {
 public:
  // Code::nonexistent when there is no file, Code::corrupt when its identity is damaged.
  static Result<std::shared_ptr<Index>> open(const std::string& mailbox_directory);

  int fd() const { return fd_.get(); }
  // Covers at least `slots` when the file has that many. Never blocks but for the mapping itself.
  std::shared_ptr<IndexMap> map(std::uint32_t slots = 0);
  IndexHeader& header() const { return first_->header(); }
  bool needs_mending() const;  // written in another system run, or left by a killed writer
  // Slots of dead records, in no order, some perhaps behind count. map grows when it must.
  std::vector<std::uint32_t> dead_slots(std::shared_ptr<IndexMap>& map, std::uint32_t count);
  const std::string& directory() const { return directory_; }

  // The lock of one writer. While it is held the header is consistent and mended.
  class Writer;
  // Error when this file is superseded or gone (superseded() or kMailboxGone tells which).
  Result<std::unique_ptr<Writer>> lock(Account& account);
  // The same when it can be had at once; null when somebody holds it, or mending has to come first.
  Result<std::unique_ptr<Writer>> try_lock(Account& account);
  bool superseded() const { return (load(header().state) & kSuperseded) && !bears_name(fd(), directory_); }
  // The file was cut short under us: what was read of it cannot be trusted.
  bool damaged();
  // Until readers see these slots, which are published but may stand behind one that somebody else has
  // reserved. Not for ever: when that one's disk hangs, it answers all the same, false, and the log says so
  // (store.shown.late, with how often in this process).
  bool wait_until_shown(std::uint32_t end_slot, Account& account, std::int64_t most_ms = 5000);

 private:
  friend class Writer;
  std::string directory_;
  UniqueFd fd_;
  std::shared_ptr<IndexMap> first_;  // of the opening: for the header

  std::mutex map_mutex_;
  std::shared_ptr<IndexMap> map_;

  std::mutex writer_mutex_;           // among this process's threads; held by Writer
  std::set<std::uint32_t> reserved_;  // slots reserved by this process; under writer_mutex_
};

class Index::Writer {
 public:
  ~Writer();
  Writer(const Writer&) = delete;

  IndexMap& map() const { return *map_; }
  IndexHeader& header() const { return map_->header(); }
  std::uint32_t count() const { return header().count; }

  // Takes the slots and UIDs for these records: fills in uid and hash, marks them reserved. Flags and
  // keywords come from the record. Temporary error when the disk is full. together: after a crash all of them
  // are kept or none.
  Result<std::vector<std::uint32_t>> reserve(std::vector<IndexRecord>& records, bool together);
  // The reserved slots are durable: makes them visible, as soon as those before them are.
  void publish(const std::vector<std::uint32_t>& slots);
  // Gives the reserved slots up.
  void abandon(const std::vector<std::uint32_t>& slots);

  // For live slots below count(). modseq: of this change.
  void change(std::uint32_t slot, std::uint32_t flags, const KeywordSet& keywords, std::uint64_t modseq);
  void expunge(std::uint32_t slot, std::uint64_t modseq);

  // The keyword's bit; enters a new name. Code::limit when the table is full, Code::cannot for a name that
  // is no atom.
  Result<std::size_t> keyword(std::string_view name);
  bool reservations() const { return header().tail > header().count; }
  void mark(std::uint32_t state) { put(header().state, header().state | state); }
  std::uint64_t draw_modseq() { return account_.next_modseq(); }

 private:
  friend class Index;
  Writer(Index& index, Account& account, std::unique_lock<std::mutex> lock)
      : index_(index), account_(account), lock_(std::move(lock)) {}
  Result<> begin();
  std::unexpected<Error> cut_short() const;
  Result<> mend(bool power_cut);
  Result<> allocate(std::uint32_t slots);  // space in the file
  Result<> grow(std::uint32_t slots);
  void settle_dead_writers();
  void advance(std::size_t own);
  void bury(std::uint32_t slot, Moving moving);
  void count_flags(std::uint32_t before, std::uint32_t after, std::uint32_t slot);
  bool owner_lives(std::uint32_t slot) const;
  void note_change(std::uint32_t slot, std::uint64_t modseq);
  Result<bool> message_is_whole(const IndexRecord& record) const;
  // Parts of mend().
  void settle_tail();
  Result<std::uint32_t> settle_after_power_cut();
  void count_keywords();
  Result<> look_into_gap(std::uint32_t slot, std::uint32_t end_slot, std::uint32_t first_uid,
                         std::uint32_t end_uid);
  Result<bool> survives(std::uint32_t slot);
  // Parts of mend() that know of landings, index_landing.cc.
  Result<bool> landing_was_committed(std::uint32_t slot);
  bool publishing_had_begun(std::uint32_t slot) const;
  void make_void(std::uint32_t slot, std::uint32_t uid);
  void mend_record(std::uint32_t slot);
  struct Tally;
  Result<> count_anew(std::uint32_t tail);
  Result<> check_slot(std::uint32_t slot, std::uint32_t last_uid);
  void publish_tally(const Tally& tally, std::uint32_t tail);

  Index& index_;
  Account& account_;
  std::unique_lock<std::mutex> lock_;
  std::shared_ptr<IndexMap> map_;
  bool locked_ = false;
  bool mended_ = false;        // usage is to be summed up when the lock is free
  bool healthy_ = false;       // mended, busy is ours; left so when we fail, for the next one to mend
  std::uint64_t highest_ = 0;  // modseq given out by this writer
  struct Verdict {             // on the landing that was looked at last
    std::uint32_t first = 0, size = 0, uid = 0;
    bool committed = false, all_whole = false;
  } verdict_;
};

}  // namespace waxwing::store
