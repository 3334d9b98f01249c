#include "store/mailbox/index_ranges.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "store/detail/paths.h"

namespace waxwing::store {

namespace {
constexpr std::uint32_t kRecordsInRange = 256;  // 32 KiB
constexpr std::size_t kSlotsInBatch = 4096;     // half a MiB

// Appends the record as it is now; never half of a change, and fit for a file that nobody writes to.
void append_image(std::string& bytes, const IndexRecord& record) {
  const auto moving = read_moving(record);
  IndexRecord image;
  std::memcpy(&image, &record, offsetof(IndexRecord, cache_offset));
  image.cache_offset = load(record.cache_offset);
  image.version = 0;
  image.flags = moving.flags;
  image.modseq = moving.modseq;
  image.keywords[0] = moving.keywords.bits[0];
  image.keywords[1] = moving.keywords.bits[1];
  image.dead_link = moving.dead_link;
  image.expunged_at = moving.expunged_at;
  image.landing_size = record.landing_size;
  image.landing_place = record.landing_place;
  image.spare = 0;
  image.moving_hash = moving_hash(image);
  bytes.append(reinterpret_cast<const char*>(&image), sizeof image);
}

// By its modseq, of the same message.
constexpr durable::Ageing kRecordAge{
    .piece_bytes = kRecordBytes,
    .same_bytes = offsetof(IndexRecord, internal_date),
    .age_at = offsetof(IndexRecord, modseq),
    .hashed_at = offsetof(IndexRecord, flags),
    .hashed_bytes = offsetof(IndexRecord, dead_link) - offsetof(IndexRecord, flags),
    .hash_at = offsetof(IndexRecord, moving_hash)};

// A replay writes only into the file of this mailbox and this generation.
durable::Range range_of(const Index& index) {
  durable::Range range;
  range.path = index_path(index.directory());
  range.fd = index.fd();
  range.guard.assign(reinterpret_cast<const char*>(&index.header()), kIdentityBytes);
  return range;
}
}  // namespace

void add_records(durable::Batch& batch, const std::shared_ptr<Index>& index,
                 const std::vector<std::uint32_t>& slots) {
  for (std::size_t n = 0; n < slots.size();) {
    const auto first = slots[n];
    std::uint32_t count = 1;
    while (n + count < slots.size() && slots[n + count] == first + count && count < kRecordsInRange) ++count;
    n += count;
    auto range = range_of(*index);
    range.offset = kRecordsAt + std::uint64_t{first} * kRecordBytes;
    range.ageing = kRecordAge;
    range.image = [index, first, count](std::string& bytes) {
      const auto map = index->map(first + count);
      for (auto slot = first; slot < first + count; ++slot) append_image(bytes, map->record(slot));
    };
    batch.range(std::move(range));
  }
}

void add_keywords(durable::Batch& batch, const std::shared_ptr<Index>& index, std::size_t count) {
  if (count == 0) return;
  auto range = range_of(*index);
  range.offset = kKeywordsAt;
  range.image = [index, count](std::string& bytes) {
    bytes.append(index->map()->keyword(0), count * kKeywordBytes);
  };
  batch.range(std::move(range));
}

std::size_t keywords_in(const KeywordSet& set) {
  if (set.bits[1] != 0) return 128 - static_cast<std::size_t>(std::countl_zero(set.bits[1]));
  return 64 - static_cast<std::size_t>(std::countl_zero(set.bits[0]));
}

Result<> commit_records(const std::shared_ptr<Index>& index, const std::vector<std::uint32_t>& slots,
                        std::size_t keywords) {
  std::size_t at = 0;
  do {
    const auto end = std::min(slots.size(), at + kSlotsInBatch);
    durable::Batch batch;
    add_keywords(batch, index, keywords);
    add_records(
        batch, index,
        {slots.begin() + static_cast<std::ptrdiff_t>(at), slots.begin() + static_cast<std::ptrdiff_t>(end)});
    TRY_VOID(durable::commit(std::move(batch)));
    at = end;
  } while (at < slots.size());
  return {};
}

}  // namespace waxwing::store
