#include "mta/config/database_image.h"

#include <xxhash.h>

#include <bit>
#include <cstring>

#include "common/base/strings.h"

namespace waxwing::mta {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are stored as this machine has them");

constexpr std::string_view kMagic = "WXDATAB\n";
constexpr std::size_t kHeader = DatabaseImage::kHeaderBytes, kSlot = 16, kRecordHeader = 12;

std::uint64_t hash(std::string_view bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// The caller has seen to it that the bytes are there.
template <class T>
T get(std::string_view bytes, std::uint64_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::unexpected<Error> damaged(const std::string& what) {
  return permanent("the database is damaged (" + what + "); make it again with imsimta crdb");
}

struct Slot {
  std::uint64_t key_hash = 0, offset = 0;
};

void place(std::vector<Slot>& slots, Slot slot) {
  const auto mask = slots.size() - 1;
  auto at = slot.key_hash & mask;
  while (slots[at].offset != 0) at = (at + 1) & mask;
  slots[at] = slot;
}

Result<> check_entry(std::string_view key, std::string_view value) {
  if (key.empty()) return permanent("a key is empty");
  if (key.size() > kMaxDatabaseKey)
    return permanent("key " + printable(key, 60) + " is longer than " + std::to_string(kMaxDatabaseKey) +
                     " bytes");
  if (value.size() > kMaxDatabaseValue)
    return permanent("the value of " + printable(key, 60) + " is longer than " +
                     std::to_string(kMaxDatabaseValue) + " bytes");
  return {};
}

std::string header(std::uint64_t records, std::string_view slots, std::uint64_t slots_at,
                   std::uint64_t made) {
  std::string out(kMagic);
  put(out, kDatabaseVersion);
  put(out, std::uint32_t{0});
  put(out, records);
  put(out, static_cast<std::uint64_t>(slots.size() / kSlot));
  put(out, slots_at);
  put(out, slots_at + slots.size());
  put(out, made);
  put(out, hash(slots));
  put(out, hash(out));
  return out;
}

}  // namespace

Result<std::string> encode_database(const DatabaseEntries& entries, std::uint64_t made_seconds) {
  std::vector<Slot> slots(std::bit_ceil(entries.size() * 2 + 1));
  std::string out(kHeader, '\0');
  for (const auto& [name, value] : entries) {
    TRY_VOID(check_entry(name, value));
    const auto key = to_lower(name);
    std::string body;
    put(body, static_cast<std::uint32_t>(key.size()));
    put(body, static_cast<std::uint32_t>(value.size()));
    body += key;
    body += value;
    place(slots, {hash(key), out.size()});
    put(out, static_cast<std::uint32_t>(hash(body)));
    out += body;
  }
  std::string table;
  for (const auto& slot : slots) {
    put(table, slot.key_hash);
    put(table, slot.offset);
  }
  out.replace(0, kHeader, header(entries.size(), table, out.size(), made_seconds));
  return out + table;
}

Result<DatabaseImage> DatabaseImage::header_of(std::string_view bytes, std::uint64_t file_bytes) {
  if (bytes.size() < kHeader || !bytes.starts_with(kMagic))
    return permanent("it is no database of imsimta crdb; make it with imsimta crdb");
  const auto version = get<std::uint32_t>(bytes, 8);
  if (version != kDatabaseVersion)
    return permanent("the database is of version " + std::to_string(version) +
                     ", this program reads version " + std::to_string(kDatabaseVersion) +
                     "; make it again with imsimta crdb");
  DatabaseImage image;
  if (hash(bytes.substr(0, 64)) != get<std::uint64_t>(bytes, 64))
    return damaged("wrong checksum of the header");
  image.records_ = get<std::uint64_t>(bytes, 16);
  image.slots_ = get<std::uint64_t>(bytes, 24);
  image.slots_at_ = get<std::uint64_t>(bytes, 32);
  image.made_ = get<std::uint64_t>(bytes, 48);
  const auto size = get<std::uint64_t>(bytes, 40);
  if (size != file_bytes)
    return damaged("it has " + std::to_string(file_bytes) + " bytes, not " + std::to_string(size));
  if (!std::has_single_bit(image.slots_) || image.records_ >= image.slots_ || image.slots_at_ < kHeader ||
      image.slots_at_ > size || (size - image.slots_at_) / kSlot != image.slots_ ||
      (size - image.slots_at_) % kSlot != 0)
    return damaged("its header makes no sense");
  return image;
}

Result<DatabaseImage> DatabaseImage::open(std::string_view bytes) {
  TRY(auto image, header_of(bytes, bytes.size()));
  image.bytes_ = bytes;
  if (hash(bytes.substr(image.slots_at_)) != get<std::uint64_t>(bytes, 56))
    return damaged("wrong checksum of the slots");
  return image;
}

Result<DatabaseImage::Record> DatabaseImage::record(std::uint64_t offset) const {
  if (offset < kHeader || offset > slots_at_ || slots_at_ - offset < kRecordHeader)
    return damaged("a record is out of place");
  const auto key_bytes = get<std::uint32_t>(bytes_, offset + 4);
  const auto value_bytes = get<std::uint32_t>(bytes_, offset + 8);
  const auto most = slots_at_ - offset - kRecordHeader;
  if (key_bytes > most || value_bytes > most - key_bytes) return damaged("a record is cut short");
  const auto body = bytes_.substr(offset + 4, 8 + std::size_t{key_bytes} + value_bytes);
  if (static_cast<std::uint32_t>(hash(body)) != get<std::uint32_t>(bytes_, offset))
    return damaged("wrong checksum of a record");
  return Record{body.substr(8, key_bytes), body.substr(8 + key_bytes), offset + 4 + body.size()};
}

Result<std::vector<std::string_view>> DatabaseImage::find(std::string_view name) const {
  std::vector<std::string_view> values;
  if (bytes_.empty() || records_ == 0 || name.empty() || name.size() > kMaxDatabaseKey) return values;
  const auto key = to_lower(name);
  const auto wanted = hash(key);
  auto at = wanted & (slots_ - 1);
  for (std::uint64_t seen = 0; seen < slots_; ++seen, at = (at + 1) & (slots_ - 1)) {
    const auto offset = get<std::uint64_t>(bytes_, slots_at_ + at * kSlot + 8);
    if (offset == 0) break;
    if (get<std::uint64_t>(bytes_, slots_at_ + at * kSlot) != wanted) continue;
    TRY(const auto found, record(offset));
    if (found.key == key) values.push_back(found.value);
  }
  return values;
}

Result<DatabaseEntries> DatabaseImage::all() const {
  DatabaseEntries entries;
  std::uint64_t at = kHeader;
  for (std::uint64_t i = 0; i < records_; ++i) {
    TRY(const auto found, record(at));
    entries.emplace_back(found.key, found.value);
    at = found.end;
  }
  return entries;
}

}  // namespace waxwing::mta
