// The mapped file behind counters.h.
#pragma once

#include <atomic>
#include <memory>

#include "common/base/file.h"
#include "common/base/mapping_faults.h"
#include "mta/counters/counters.h"

namespace waxwing::mta::counters {

constexpr std::size_t kSlots = 1024, kSlotBytes = 256, kNameBytes = 40;

struct Slot {
  // Claimed with one exchange, readable when the name stands; one whose process died in between stays unreadable.
  enum State : std::uint32_t { kFree, kClaimed, kNamed };
  std::atomic<std::uint32_t> state;
  std::uint32_t reserved;
  char name[kNameBytes];  // ends with NUL
  std::atomic<std::uint64_t> counts[kCounts];
};
static_assert(sizeof(Slot) <= kSlotBytes && std::atomic<std::uint64_t>::is_always_lock_free);

struct Header {
  char magic[8];  // "WXCOUNT\n"
  std::uint32_t version, bytes;
  std::atomic<std::int64_t> since;   // seconds
  std::atomic<std::uint64_t> today;  // day since 1970 on this host's calendar << 40 | messages
};
constexpr std::size_t kHeaderBytes = 64, kFileBytes = kHeaderBytes + kSlots * kSlotBytes;
static_assert(sizeof(Header) <= kHeaderBytes);

class Block {
 public:
  // Temporary error when there is no file, permanent when it is another.
  static Result<std::unique_ptr<Block>> open(const std::string& path);
  // The same; makes it when it is not there. Of several who do, one does it.
  static Result<std::unique_ptr<Block>> open_or_create(const std::string& path);
  Block(UniqueFd file, char* data);
  ~Block();
  Block(const Block&) = delete;

  // The channel's slot; null when the table is full.
  Slot* slot(std::string_view channel);
  Slot& slot_at(std::size_t index) const {
    return *reinterpret_cast<Slot*>(data_ + kHeaderBytes + index * kSlotBytes);
  }
  Header& header() const { return *reinterpret_cast<Header*>(data_); }
  // Whether the name still leads here, whole.
  bool is_current(const std::string& path) const;

 private:
  UniqueFd file_;
  char* data_;
  std::unique_ptr<FaultGuard> guard_;
};

}  // namespace waxwing::mta::counters
