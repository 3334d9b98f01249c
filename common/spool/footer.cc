#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/spool/bytes.h"
#include "common/spool/detail/footer.h"
#include "common/spool/message_file.h"

namespace waxwing::spool {

namespace {
constexpr std::string_view kMagic = "WxMessg\n";
constexpr std::size_t kHashAt = 40;
constexpr std::size_t kVersionAt = 48;
constexpr std::size_t kSizeAt = 52;
constexpr std::size_t kMagicAt = 56;

std::uint64_t footer_hash(std::string_view bytes) {
  const std::string covered = std::string(bytes.substr(0, kHashAt)) + std::string(bytes.substr(kVersionAt));
  return XXH3_64bits(covered.data(), covered.size());
}
}  // namespace

std::string encode_footer(const Footer& footer) {
  std::string bytes;
  bytes.reserve(kFooterBytes);
  put_le(bytes, footer.message_size);
  put_le(bytes, footer.message_hash);
  put_le(bytes, footer.records_hash);
  put_le(bytes, footer.records_size);
  put_le(bytes, footer.slot_count);
  put_le(bytes, footer.slot_bytes);
  put_le(bytes, footer.kind);
  put_le<std::uint32_t>(bytes, 0);
  put_le<std::uint64_t>(bytes, 0);  // its own checksum, below
  put_le(bytes, kVersion);
  put_le(bytes, static_cast<std::uint32_t>(kFooterBytes));
  bytes += kMagic;
  std::string hash;
  put_le(hash, footer_hash(bytes));
  bytes.replace(kHashAt, hash.size(), hash);
  return bytes;
}

Result<Footer> decode_footer(std::string_view bytes, std::uint64_t file_size) {
  if (bytes.size() != kFooterBytes || bytes.substr(kMagicAt) != kMagic)
    return permanent("no message file footer at its end: cut short or not a message file");
  const auto version = get_le<std::uint32_t>(bytes, kVersionAt);
  if (version != kVersion)
    return permanent(fmt::format("message file version {}, this program knows version {}: use a newer one",
                                 version, kVersion));
  if (get_le<std::uint64_t>(bytes, kHashAt) != footer_hash(bytes) || get_le<std::uint32_t>(bytes, 36) != 0 ||
      get_le<std::uint32_t>(bytes, kSizeAt) != kFooterBytes)
    return permanent("footer is damaged (checksum)");
  Footer footer;
  footer.message_size = get_le<std::uint64_t>(bytes, 0);
  footer.message_hash = get_le<std::uint64_t>(bytes, 8);
  footer.records_hash = get_le<std::uint64_t>(bytes, 16);
  footer.records_size = get_le<std::uint32_t>(bytes, 24);
  footer.slot_count = get_le<std::uint32_t>(bytes, 28);
  footer.slot_bytes = get_le<std::uint16_t>(bytes, 32);
  footer.kind = get_le<std::uint16_t>(bytes, 34);
  const std::uint64_t behind = std::uint64_t{footer.records_size} +
                               std::uint64_t{footer.slot_count} * footer.slot_bytes + kFooterBytes;
  if (file_size < behind || file_size - behind != footer.message_size)
    return permanent(fmt::format("sizes do not add up: file {}, message {}, behind it {}", file_size,
                                 footer.message_size, behind));
  if (footer.records_size > kMaxRecordsBytes)
    return permanent("records are larger than a message file may have");
  return footer;
}

}  // namespace waxwing::spool
