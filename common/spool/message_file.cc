#include "common/spool/message_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/spool/bytes.h"
#include "common/spool/detail/footer.h"

namespace waxwing::spool {

namespace {
// Not zeroed first. The size that libstdc++ 12 hands to the function is the new capacity.
std::string room_for(std::size_t size) {
  std::string bytes;
  bytes.resize_and_overwrite(size, [size](char*, std::size_t) { return size; });
  return bytes;
}

// One pread gets footer, slots and records of nearly every file.
constexpr std::size_t kTailBytes = 4096;
constexpr std::size_t kPieceBytes = 256 * 1024;
}  // namespace

Result<MessageFile> MessageFile::open(const std::string& path, bool writable) {
  TRY(auto fd, open_file(path, (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_NOFOLLOW));
  return from_fd(std::move(fd), path);
}

Result<MessageFile> MessageFile::from_fd(UniqueFd fd, std::string path) {
  MessageFile file;
  file.fd_ = std::move(fd);
  file.path_ = std::move(path);
  struct stat status {};
  if (::fstat(file.fd_.get(), &status) != 0)
    return std::unexpected(system_error("cannot look at " + file.path_, errno));
  if (!S_ISREG(status.st_mode)) return permanent(file.path_ + ": not a regular file");
  const auto outcome = file.read_footer(static_cast<std::uint64_t>(status.st_size));
  if (!outcome) return wrap(outcome.error(), file.path_);
  return file;
}

Result<> MessageFile::read_footer(std::uint64_t file_size) {
  auto tail = room_for(std::min<std::uint64_t>(kTailBytes, file_size));
  if (tail.size() < kFooterBytes) return permanent("too short for a message file");
  TRY_VOID(read_at(fd_.get(), file_size - tail.size(), tail.data(), tail.size()));
  TRY(const auto footer, decode_footer(std::string_view(tail).substr(tail.size() - kFooterBytes), file_size));
  const std::uint64_t behind = file_size - footer.message_size;
  std::string far;
  std::string_view records;
  if (behind <= tail.size()) {
    records = std::string_view(tail).substr(tail.size() - behind, footer.records_size);
  } else {
    far = room_for(footer.records_size);
    TRY_VOID(read_at(fd_.get(), footer.message_size, far.data(), far.size()));
    records = far;
  }
  if (XXH3_64bits(records.data(), records.size()) != footer.records_hash)
    return permanent("records are damaged (checksum)");
  TRY(records_, Records::decode(records));
  std::ranges::copy(std::string_view(tail).substr(tail.size() - kFooterBytes), footer_.begin());
  message_size_ = footer.message_size;
  message_hash_ = footer.message_hash;
  records_size_ = footer.records_size;
  slot_count_ = footer.slot_count;
  slot_bytes_ = footer.slot_bytes;
  kind_ = static_cast<Kind>(footer.kind);
  return {};
}

Result<std::string> MessageFile::read_message(std::uint64_t offset, std::size_t max_bytes) const {
  if (offset >= message_size_) return std::string();
  auto bytes = room_for(std::min<std::uint64_t>(max_bytes, message_size_ - offset));
  const auto outcome = read_at(fd_.get(), offset, bytes.data(), bytes.size());
  if (!outcome) return wrap(outcome.error(), path_);
  return bytes;
}

Result<> MessageFile::verify_message() const {
  if (message_size_ <= kPieceBytes) {
    TRY(const auto whole, read_message(0, kPieceBytes));
    if (XXH3_64bits(whole.data(), whole.size()) == message_hash_) return {};
    return permanent(path_ + ": message is damaged (checksum)");
  }
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash(XXH3_createState(), XXH3_freeState);
  XXH3_64bits_reset(hash.get());
  for (std::uint64_t at = 0; at < message_size_;) {
    TRY(const auto piece, read_message(at, kPieceBytes));
    XXH3_64bits_update(hash.get(), piece.data(), piece.size());
    at += piece.size();
  }
  if (XXH3_64bits_digest(hash.get()) != message_hash_)
    return permanent(path_ + ": message is damaged (checksum)");
  return {};
}

Result<std::string> MessageFile::read_slots(std::uint32_t first, std::uint32_t count) const {
  if (first > slot_count_ || count > slot_count_ - first)
    return bug(fmt::format("{}: {} slots from {} on do not exist", path_, count, first));
  auto bytes = room_for(static_cast<std::size_t>(count) * slot_bytes_);
  const auto outcome =
      read_at(fd_.get(), slots_at() + std::uint64_t{first} * slot_bytes_, bytes.data(), bytes.size());
  if (!outcome) return wrap(outcome.error(), path_);
  return bytes;
}

Result<> MessageFile::write_slot(std::uint32_t index, std::string_view bytes) {
  if (index >= slot_count_ || bytes.size() > slot_bytes_)
    return bug(fmt::format("{}: slot {} of {} bytes does not exist", path_, index, bytes.size()));
  const auto outcome = write_at(fd_.get(), slots_at() + std::uint64_t{index} * slot_bytes_, bytes);
  if (!outcome) return wrap(outcome.error(), path_);
  return {};
}

durable::Range MessageFile::slot_range(std::uint32_t index, std::string slots) const {
  durable::Range range;
  range.path = path_;
  range.fd = fd_.get();
  range.offset = slots_at() + std::uint64_t{index} * slot_bytes_;
  range.guard_offset = slots_at() + std::uint64_t{slot_count_} * slot_bytes_;
  range.guard.assign(footer_.data(), footer_.size());
  range.image = [slots = std::move(slots)](std::string& to) { to += slots; };
  return range;
}

namespace {
std::string dump_value(std::uint16_t tag, std::string_view value) {
  const auto name = tag_name(tag);
  if (name.ends_with("-ms") && value.size() == 8) {
    const auto ms = get_le<std::int64_t>(value);
    return fmt::format("{} ({})", ms, iso_timestamp(ms));
  }
  if (static_cast<Tag>(tag) == Tag::priority || static_cast<Tag>(tag) == Tag::smtputf8)
    return value.size() == 8 ? std::to_string(get_le<std::int64_t>(value)) : to_hex(value);
  return printable(value, 1000);
}

void dump_records(std::string& text, const Records& records, const std::string& indent) {
  for (const auto& [tag, value] : records.items()) {
    if (static_cast<Tag>(tag) != Tag::recipient) {
      text += fmt::format("{}{}: {}\n", indent, tag_name(tag), dump_value(tag, value));
      continue;
    }
    text += indent + "recipient:\n";
    if (const auto inside = Records::decode(value))
      dump_records(text, *inside, indent + "  ");
    else
      text += indent + "  damaged: " + inside.error().text + "\n";
  }
}
}  // namespace

std::string dump(const MessageFile& file) {
  std::string text = fmt::format("version: {}\nkind: {}\nmessage-size: {}\nslots: {} of {} bytes\n", kVersion,
                                 file.kind() == Kind::queue ? "queue" : "store", file.message_size(),
                                 file.slot_count(), file.slot_bytes());
  dump_records(text, file.records(), "");
  return text;
}

}  // namespace waxwing::spool
