#include "mta/counters/counters.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>
#include <unordered_map>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "mta/counters/block.h"

namespace waxwing::mta::counters {

namespace {

constexpr std::int64_t kLookMs = 1000, kRetryMs = 60'000;
constexpr unsigned kDayShift = 40;

std::string path_of(const std::string& root) {
  return root + "/run/counters";
}

// Days of this host's calendar, as a number that grows by one a day.
std::uint64_t day_of(std::int64_t seconds) {
  const std::time_t time = seconds;
  struct tm local {};
  ::localtime_r(&time, &local);
  return static_cast<std::uint64_t>((seconds + local.tm_gmtoff) / 86400);
}

// A process has one instance; a test may go from one to another.
class Counting {
 public:
  void add(const std::string& root, std::string_view channel, Additions additions) {
    const std::lock_guard lock(mutex_);
    if (!look(root)) return;
    auto* const slot = slot_of(channel);
    if (slot == nullptr) return;
    for (const auto& [count, by] : additions) {
      slot->counts[static_cast<std::size_t>(count)].fetch_add(by, std::memory_order_relaxed);
      if (count == Count::delivered_messages) add_today(by);
    }
  }

 private:
  bool look(const std::string& root) {
    const auto now = monotonic_ms();
    if (root == root_ && now < look_ms_) return block_ != nullptr;
    look_ms_ = now + kLookMs;
    day_ = day_of(wall_seconds());
    if (block_ && root == root_ && block_->is_current(path_of(root))) return true;
    slots_.clear();
    block_.reset();
    root_ = root;
    auto opened = Block::open_or_create(path_of(root));
    if (opened) {
      block_ = std::move(*opened);
    } else {
      look_ms_ = now + kRetryMs;
      log::Event("counters.off").with("why", opened.error().text).warning();
    }
    return block_ != nullptr;
  }

  Slot* slot_of(std::string_view channel) {
    if (const auto known = slots_.find(channel); known != slots_.end()) return known->second;
    auto* const slot = block_->slot(channel);
    slots_.emplace(channel, slot);
    return slot;
  }

  void add_today(std::uint64_t by) {
    auto& today = block_->header().today;
    auto before = today.load(std::memory_order_relaxed);
    std::uint64_t after = 0;
    do {
      after = (before >> kDayShift == day_ ? before : day_ << kDayShift) + by;
    } while (!today.compare_exchange_weak(before, after, std::memory_order_relaxed));
  }

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::mutex mutex_;
  std::string root_;
  std::unique_ptr<Block> block_;
  std::unordered_map<std::string, Slot*, Hash, std::equal_to<>> slots_;
  std::int64_t look_ms_ = 0;
  std::uint64_t day_ = 0;
};

}  // namespace

void add(const std::string& root, std::string_view channel, Additions additions) {
  static auto* const counting = new Counting;  // sessions may count during exit
  if (!root.empty()) counting->add(root, channel, additions);
}

Result<Snapshot> read(const std::string& root) {
  if (!file_exists(path_of(root)))
    return temporary(
        "there are no counters yet: they are made with the first message, or by imsimta counters -create");
  TRY(const auto block, Block::open(path_of(root)));
  Snapshot snapshot;
  snapshot.since = block->header().since;
  const auto today = block->header().today.load();
  if (today >> kDayShift == day_of(wall_seconds()))
    snapshot.delivered_today = today & ((std::uint64_t{1} << kDayShift) - 1);
  // Two slots of one name come about when a process dies while it names one.
  std::map<std::string, ChannelCounts> by_name;
  for (std::size_t i = 0; i < kSlots; ++i) {
    const auto& slot = block->slot_at(i);
    if (slot.state.load(std::memory_order_acquire) != Slot::kNamed) continue;
    auto& row = by_name[std::string(slot.name, ::strnlen(slot.name, kNameBytes))];
    for (std::size_t n = 0; n < kCounts; ++n) row.counts[n] += slot.counts[n].load(std::memory_order_relaxed);
  }
  for (auto& [name, row] : by_name) {
    row.channel = name;
    snapshot.channels.push_back(std::move(row));
  }
  return snapshot;
}

Result<> clear(const std::string& root) {
  TRY(const auto block, Block::open(path_of(root)));
  for (std::size_t i = 0; i < kSlots; ++i)
    for (auto& count : block->slot_at(i).counts) count.store(0, std::memory_order_relaxed);
  block->header().today = 0;
  block->header().since = wall_seconds();
  return {};
}

Result<> create(const std::string& root) {
  TRY_VOID(Block::open_or_create(path_of(root)));
  return {};
}

Result<> remove(const std::string& root) {
  if (::unlink(path_of(root).c_str()) != 0 && errno != ENOENT)
    return std::unexpected(system_error("cannot remove " + path_of(root), errno));
  return {};
}

}  // namespace waxwing::mta::counters
