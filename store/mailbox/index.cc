#include "store/mailbox/index.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <thread>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/failpoint.h"
#include "common/base/is_there.h"
#include "common/base/path.h"
#include "common/base/time.h"
#include "store/detail/errors.h"
#include "store/detail/paths.h"

namespace waxwing::store {

namespace {
template <class T>
T relaxed(const T& word) {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_relaxed);
}
template <class T>
void set_relaxed(T& word, T value) {
  std::atomic_ref<T>(word).store(value, std::memory_order_relaxed);
}
constexpr int kMaxSpins = 20000;
constexpr std::uint64_t kMostCacheBytes = std::uint64_t{1} << 44;
}  // namespace

Moving read_moving(const IndexRecord& record) {
  Moving moving;
  for (int spin = 0;; ++spin) {
    const auto before = load(record.version);
    moving.flags = relaxed(record.flags);
    moving.modseq = relaxed(record.modseq);
    moving.keywords.bits[0] = relaxed(record.keywords[0]);
    moving.keywords.bits[1] = relaxed(record.keywords[1]);
    moving.dead_link = relaxed(record.dead_link);
    moving.expunged_at = relaxed(record.expunged_at);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (((before & 1) == 0 && relaxed(record.version) == before) || spin > kMaxSpins) return moving;
    if (spin > 100) std::this_thread::yield();
  }
}

void write_moving(IndexRecord& record, const Moving& moving) {
  const auto version = relaxed(record.version) | 1;
  set_relaxed(record.version, version);
  std::atomic_thread_fence(std::memory_order_release);
  set_relaxed(record.flags, moving.flags);
  set_relaxed(record.modseq, moving.modseq);
  set_relaxed(record.keywords[0], moving.keywords.bits[0]);
  set_relaxed(record.keywords[1], moving.keywords.bits[1]);
  set_relaxed(record.dead_link, moving.dead_link);
  set_relaxed(record.expunged_at, moving.expunged_at);
  set_relaxed(record.moving_hash, moving_hash(record));
  put(record.version, version + 1);
}

std::uint32_t fixed_hash(const IndexRecord& record) {
  constexpr auto from = offsetof(IndexRecord, internal_date);
  const auto* bytes = reinterpret_cast<const char*>(&record);
  const auto seed = record.uid ^ std::uint64_t{record.landing_size} << 32 ^
                    record.landing_place * std::uint64_t{0x9e3779b97f4a7c15};
  return static_cast<std::uint32_t>(
      XXH3_64bits_withSeed(bytes + from, offsetof(IndexRecord, cache_offset) - from, seed));
}

std::uint32_t moving_hash(const IndexRecord& record) {
  constexpr auto from = offsetof(IndexRecord, flags);
  const auto* bytes = reinterpret_cast<const char*>(&record);
  return static_cast<std::uint32_t>(XXH3_64bits(bytes + from, offsetof(IndexRecord, dead_link) - from));
}

std::uint64_t identity_hash(const IndexHeader& header) {
  return XXH3_64bits(&header, offsetof(IndexHeader, identity_hash));
}

std::uint32_t slot_from(const IndexMap& map, std::uint32_t count, std::uint32_t uid) {
  std::uint32_t low = 0, high = count;
  if (count > 0 && uid >= map.record(0).uid) {
    // UIDs without gaps: the slot is where it must be.
    const auto guess = std::min(uid - map.record(0).uid, count - 1);
    if (map.record(guess).uid == uid) return guess;
    high = map.record(guess).uid < uid ? high : guess;
  }
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    if (map.record(middle).uid < uid)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

std::optional<std::uint32_t> slot_of(const IndexMap& map, std::uint32_t count, std::uint32_t uid) {
  const auto slot = slot_from(map, count, uid);
  if (slot == count || map.record(slot).uid != uid) return {};
  return slot;
}

bool is_plausible(const IndexMap& map) {
  const auto& header = map.header();
  const auto count = load(header.count), tail = load(header.tail), slots = map.slots();
  if (count > tail || tail > slots || load(header.capacity) > slots) return false;
  if (load(header.dead_head) > tail || load(header.dead_count) > tail) return false;
  if (load(header.keyword_count) > kMaxKeywords || load(header.cache_end) > kMostCacheBytes) return false;
  if (load(header.highestmodseq) > kMostModseq) return false;
  // A UID given out twice would cost the message that has it.
  const auto last_uid = tail == 0 ? 0 : map.record(tail - 1).uid;
  const auto next_uid = load(header.next_uid);
  return next_uid > last_uid && next_uid <= kMostUids && load(header.public_next_uid) <= next_uid;
}

std::string empty_index(const NewIndex& values) {
  IndexHeader header{};
  std::memcpy(header.magic, kIndexMagic, sizeof kIndexMagic);
  header.version = kIndexVersion;
  header.header_bytes = kRecordsAt;
  header.record_bytes = kRecordBytes;
  header.uidvalidity = values.uidvalidity;
  values.mailbox_id.copy(header.mailbox_id, sizeof header.mailbox_id - 1);
  header.created = values.created;
  header.generation = values.generation;
  header.identity_hash = identity_hash(header);
  const auto boot = boot_id();
  std::memcpy(header.boot_id, boot.data(), boot.size());
  header.capacity = values.capacity;
  header.next_uid = header.public_next_uid = 1;
  header.highestmodseq = 1;
  std::string bytes(kRecordsAt, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

Result<> lay_out_index(int fd, const NewIndex& values) {
  TRY_VOID(failpoint("store.index.allocate"));
  const auto size = kRecordsAt + std::size_t{values.capacity} * kRecordBytes;
  if (const int error = ::posix_fallocate(fd, 0, static_cast<off_t>(size)); error != 0)
    return std::unexpected(system_error("cannot allocate an index", error));
  return write_at(fd, 0, empty_index(values));
}

namespace {
Result<> check_identity(const IndexHeader& header, const std::string& path) {
  if (std::memcmp(header.magic, kIndexMagic, sizeof kIndexMagic) != 0)
    return fail_for_now(Code::corrupt, path + " is no index file: run reconstruct for this mailbox");
  if (header.version != kIndexVersion)
    return permanent(path + " has version " + std::to_string(header.version) + ", this program knows " +
                     std::to_string(kIndexVersion));
  if (header.identity_hash != identity_hash(header) || header.header_bytes != kRecordsAt ||
      header.record_bytes != kRecordBytes || header.mailbox_id[sizeof header.mailbox_id - 1] != '\0')
    return fail_for_now(Code::corrupt,
                        path + " is damaged (header checksum): run reconstruct for this mailbox");
  return {};
}
}  // namespace

namespace {
// A mailbox that is removed loses its name before its index (see ListService::sweep_one): one that has a name
// and no index is damaged, not gone, and its mail must wait and not bounce.
Error no_index(const std::string& path) {
  const auto named = is_there(parent_directory(path) + "/store.name");
  if (!named) return named.error();
  if (*named)
    return fail_for_now(Code::corrupt, path + " is missing: run reconstruct for this mailbox").error();
  const auto account = parent_directory(parent_directory(path));
  const auto there = is_there(account);
  if (!there) return there.error();
  if (!*there)
    return fail_for_now(Code::unavailable, account + " is missing: is its partition mounted? see stored(8)")
        .error();
  return fail_permanently(Code::nonexistent, "the mailbox is no longer there").error();
}
}  // namespace

namespace {
// What is not there is damage, what cannot be read now is not.
Result<> read_header(int fd, IndexHeader& header, const std::string& path) {
  const auto read = read_at(fd, 0, &header, sizeof header);
  if (!read && read.error().fault == Fault::temporary) return std::unexpected(read.error());
  if (!read) return fail_for_now(Code::corrupt, path + " is cut short: run reconstruct for this mailbox");
  return check_identity(header, path);
}
}  // namespace

Result<IndexHeader> read_index_header(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::unexpected(no_index(path));
  if (!fd) return std::unexpected(system_error("cannot open " + path, errno));
  IndexHeader header;
  TRY_VOID(read_header(fd.get(), header, path));
  return header;
}

Result<QuotaUsage> read_index_usage(const std::string& path) {
  constexpr int kTries = 20;
  constexpr std::uint32_t kMostPending = 1 << 20;
  TRY(const auto file, open_file(path, O_RDONLY));
  IndexHeader header;
  QuotaUsage used;
  const auto written_to = [&] { return locked_by_others(file.get(), kLockAt); };
  if (written_to()) return fail_for_now(Code::in_use, path + " is being written to");
  for (int n = 0; n < kTries; ++n) {
    TRY_VOID(read_header(file.get(), header, path));
    if (header.state & kMailboxGone) return QuotaUsage{};
    used.bytes = static_cast<std::int64_t>(header.bytes);
    used.messages = header.messages;
    for (auto slot = header.count; slot < header.tail && slot - header.count < kMostPending; ++slot) {
      IndexRecord record;
      const auto read =
          read_at(file.get(), kRecordsAt + std::uint64_t{slot} * kRecordBytes, &record, sizeof record);
      if (!read && read.error().fault != Fault::permanent) return std::unexpected(read.error());
      if (!read) break;
      if (record.fixed_hash != fixed_hash(record) || (record.flags & kVoid) != 0) continue;
      used.bytes += static_cast<std::int64_t>(record.size);
      used.messages += 1;
    }
    IndexHeader after;
    if ((header.version_ & 1) == 0 && read_at(file.get(), 0, &after, sizeof after) &&
        after.version_ == header.version_ && after.tail == header.tail)
      break;
  }
  // One who came meanwhile may have expunged what is counted off later.
  if (written_to()) return fail_for_now(Code::in_use, path + " is being written to");
  return used;
}

bool bears_name(int fd, const std::string& mailbox_directory) {
  struct stat open_here {};
  struct stat named {};
  return ::fstat(fd, &open_here) == 0 && ::stat(index_path(mailbox_directory).c_str(), &named) == 0 &&
         open_here.st_ino == named.st_ino && open_here.st_dev == named.st_dev;
}

Result<std::shared_ptr<Index>> Index::open(const std::string& mailbox_directory) {
  const auto path = index_path(mailbox_directory);
  auto index = std::make_shared<Index>();
  index->directory_ = mailbox_directory;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::unexpected(no_index(path));
  if (!fd) return std::unexpected(system_error("cannot open " + path, errno));
  index->fd_ = std::move(fd);
  struct stat info {};
  if (::fstat(index->fd_.get(), &info) != 0)
    return std::unexpected(system_error("cannot stat " + path, errno));
  if (info.st_size < static_cast<off_t>(kRecordsAt))
    return fail_for_now(Code::corrupt, path + " is cut short: run reconstruct for this mailbox");
  TRY(auto mapping, Mapping::make(index->fd_.get(), static_cast<std::size_t>(info.st_size), true));
  index->first_ = index->map_ = std::make_shared<IndexMap>(std::move(mapping));
  TRY_VOID(check_identity(index->header(), path));
  // A power cut may bring back a header newer than the file's size: mending knows.
  if (load(index->header().count) > index->map_->slots() && !index->needs_mending())
    return fail_for_now(Code::corrupt, path + " is shorter than it says: run reconstruct for this mailbox");
  return index;
}

std::shared_ptr<IndexMap> Index::map(std::uint32_t slots) {
  const std::lock_guard lock(map_mutex_);
  if (map_->slots() >= slots) return map_;
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) return map_;
  if (auto mapping = Mapping::make(fd_.get(), static_cast<std::size_t>(info.st_size), true))
    map_ = std::make_shared<IndexMap>(std::move(*mapping));
  return map_;
}

namespace {
std::vector<std::uint32_t> dead_by_scan(const IndexMap& map, std::uint32_t count) {
  std::vector<std::uint32_t> slots;
  for (std::uint32_t slot = 0; slot < count; ++slot)
    if (load(map.record(slot).flags) & kDead) slots.push_back(slot);
  return slots;
}
}  // namespace

std::vector<std::uint32_t> Index::dead_slots(std::shared_ptr<IndexMap>& map, std::uint32_t count) {
  std::vector<std::uint32_t> slots;
  for (auto link = load(header().dead_head); link != 0;) {
    if (link > map->slots()) map = this->map(link);
    // A chain that leads out of the file, in a circle or to the living is damaged.
    if (link > map->slots() || slots.size() >= map->slots()) return dead_by_scan(*map, count);
    const auto& record = map->record(link - 1);
    if ((load(record.flags) & kDead) == 0) return dead_by_scan(*map, count);
    slots.push_back(link - 1);
    link = load(record.dead_link);
  }
  return slots;
}

bool Index::damaged() {
  if (first_->damaged()) return true;
  const std::lock_guard lock(map_mutex_);
  return map_->damaged();
}

bool Index::needs_mending() const {
  const auto boot = boot_id();
  return std::memcmp(header().boot_id, boot.data(), boot.size()) != 0;
}

}  // namespace waxwing::store
