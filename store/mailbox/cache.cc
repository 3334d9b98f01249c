#include "store/mailbox/cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/failpoint.h"
#include "common/spool/bytes.h"

namespace waxwing::store {

namespace {
constexpr std::uint32_t kEntryMagic = 0x6e457857;  // "WxEn"
constexpr std::uint32_t kEntryVersion = 1;
constexpr std::size_t kEntryHead = 52;
constexpr std::size_t kHashedFrom = 16;
constexpr std::uint64_t kMaxEntryBytes = 64 << 20;
}  // namespace

void stamp(std::string& entry, std::uint64_t email_id) {
  std::string bytes;
  spool::put_le(bytes, email_id);
  entry.replace(16, 8, bytes);
  bytes.clear();
  spool::put_le<std::uint64_t>(bytes, XXH3_64bits(entry.data() + kHashedFrom, entry.size() - kHashedFrom));
  entry.replace(8, 8, bytes);
}

std::string pack(std::uint32_t header_size, const std::array<std::string_view, 5>& parts) {
  std::size_t total = kEntryHead;
  for (const auto part : parts) total += part.size();
  std::string entry;
  entry.reserve(total);
  spool::put_le(entry, kEntryMagic);
  spool::put_le(entry, static_cast<std::uint32_t>(total));
  spool::put_le<std::uint64_t>(entry, 0);
  spool::put_le<std::uint64_t>(entry, 0);
  spool::put_le(entry, header_size);
  spool::put_le(entry, kEntryVersion);
  for (const auto part : parts) spool::put_le(entry, static_cast<std::uint32_t>(part.size()));
  for (const auto part : parts) entry += part;
  return entry;
}

std::optional<std::string_view> check_entry(std::string_view bytes, std::uint64_t email_id) {
  if (bytes.size() < kEntryHead || spool::get_le<std::uint32_t>(bytes) != kEntryMagic) return {};
  const auto size = spool::get_le<std::uint32_t>(bytes, 4);
  if (size < kEntryHead || size > bytes.size()) return {};
  bytes = bytes.substr(0, size);
  if (spool::get_le<std::uint64_t>(bytes, 16) != email_id ||
      spool::get_le<std::uint32_t>(bytes, 28) != kEntryVersion)
    return {};
  std::uint64_t total = kEntryHead;
  for (std::size_t n = 0; n < 5; ++n) total += spool::get_le<std::uint32_t>(bytes, 32 + 4 * n);
  if (total != size) return {};
  if (spool::get_le<std::uint64_t>(bytes, 8) != XXH3_64bits(bytes.data() + kHashedFrom, size - kHashedFrom))
    return {};
  return bytes;
}

CachedMessage unpack(std::string_view entry, std::shared_ptr<const void> keep) {
  CachedMessage message;
  std::size_t at = kEntryHead;
  std::size_t n = 0;
  for (auto* part :
       {&message.envelope, &message.body, &message.bodystructure, &message.headers, &message.preview}) {
    const auto size = spool::get_le<std::uint32_t>(entry, 32 + 4 * n++);
    *part = entry.substr(at, size);
    at += size;
  }
  message.keep = std::move(keep);
  return message;
}

Result<std::shared_ptr<CacheFile>> CacheFile::open(const std::string& path) {
  auto file = std::make_shared<CacheFile>();
  TRY(file->fd_, open_file(path, O_RDWR | O_CREAT));
  return file;
}

std::uint64_t CacheFile::size() const {
  struct stat info {};
  return ::fstat(fd_.get(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

Result<> CacheFile::write(std::uint64_t offset, std::string_view entry) {
  TRY_VOID(failpoint("store.cache.write"));
  return write_at(fd_.get(), offset, entry);
}

// Maps more than the file has, so that a growing file is seldom mapped anew; known_size_ is the limit for
// the eye.
std::shared_ptr<Mapping> CacheFile::mapping(std::uint64_t end, std::uint64_t& known) {
  const std::lock_guard lock(mutex_);
  if (end > known_size_ || (map_ && map_->damaged())) known_size_ = size();
  if (end > known_size_) return nullptr;
  if (!map_ || map_->damaged() || end > map_->length()) {
    const auto length = std::max<std::uint64_t>(known_size_ * 2, 1 << 20);
    auto made = Mapping::make(fd_.get(), length, false);
    if (!made) return nullptr;
    map_ = std::move(*made);
  }
  // The file may have grown beyond what is mapped.
  known = std::min(known_size_, map_->length());
  return map_;
}

std::optional<std::string_view> CacheFile::entry(std::uint64_t offset, std::uint64_t email_id,
                                                 std::shared_ptr<const void>& keep) {
  if (offset > static_cast<std::uint64_t>(INT64_MAX)) return {};  // damaged, and the sums below would wrap
  std::uint64_t known = 0;
  auto map = mapping(offset + kEntryHead, known);
  if (!map) return {};
  const auto size = spool::get_le<std::uint32_t>(std::string_view(map->data() + offset, kEntryHead), 4);
  if (size > kMaxEntryBytes) return {};
  if (offset + size > known) map = mapping(offset + size, known);
  if (!map) return {};
  const auto bytes = check_entry(std::string_view(map->data() + offset, size), email_id);
  if (bytes) keep = std::move(map);
  return bytes;
}

}  // namespace waxwing::store
