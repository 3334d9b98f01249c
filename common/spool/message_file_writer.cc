#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/failpoint.h"
#include "common/spool/bytes.h"
#include "common/spool/detail/footer.h"
#include "common/spool/message_file.h"

namespace waxwing::spool {

namespace {
constexpr std::size_t kBufferBytes = 64 * 1024;
}

struct MessageFileWriter::Inner {
  int fd = -1;
  std::string buffer;
  std::uint64_t size = 0;  // buffered bytes included
  XXH3_state_t* hash = XXH3_createState();
  std::uint64_t sealed_hash = 0;
  bool sealed = false;

  explicit Inner(int to) : fd(to) { XXH3_64bits_reset(hash); }
  ~Inner() { XXH3_freeState(hash); }

  Result<> flush() {
    if (buffer.empty()) return {};
    TRY_VOID(failpoint("spool.write"));
    auto outcome = write_all(fd, buffer);
    buffer.clear();
    return outcome;
  }
};

MessageFileWriter::MessageFileWriter(int fd) : inner_(std::make_unique<Inner>(fd)) {}
MessageFileWriter::~MessageFileWriter() = default;
MessageFileWriter::MessageFileWriter(MessageFileWriter&&) noexcept = default;
MessageFileWriter& MessageFileWriter::operator=(MessageFileWriter&&) noexcept = default;
std::uint64_t MessageFileWriter::message_size() const {
  return inner_->size;
}

Result<> MessageFileWriter::flush() {
  return inner_->flush();
}

Result<> MessageFileWriter::write(std::string_view bytes) {
  auto& in = *inner_;
  if (in.sealed) return bug("message file written to after it was sealed");
  XXH3_64bits_update(in.hash, bytes.data(), bytes.size());
  in.size += bytes.size();
  if (in.buffer.size() + bytes.size() > kBufferBytes) TRY_VOID(in.flush());
  if (bytes.size() >= kBufferBytes) {
    TRY_VOID(failpoint("spool.write"));
    return write_all(in.fd, bytes);
  }
  in.buffer += bytes;
  return {};
}

namespace {
// What stands behind the message bytes.
Result<std::string> make_tail(Kind kind, std::uint64_t message_size, std::uint64_t message_hash,
                              const Records& records, std::uint32_t slots, std::uint16_t slot_bytes) {
  std::string tail;
  tail.reserve(records.encode().size() + static_cast<std::size_t>(slots) * slot_bytes + kFooterBytes);
  tail += records.encode();
  if (tail.size() > kMaxRecordsBytes) return permanent("envelope is too large for one message file");
  Footer footer;
  footer.message_size = message_size;
  footer.message_hash = message_hash;
  footer.records_hash = XXH3_64bits(tail.data(), tail.size());
  footer.records_size = static_cast<std::uint32_t>(tail.size());
  footer.slot_count = slots;
  footer.slot_bytes = slot_bytes;
  footer.kind = static_cast<std::uint16_t>(kind);
  tail.append(static_cast<std::size_t>(slots) * slot_bytes, '\0');
  tail += encode_footer(footer);
  return tail;
}

// Message bytes from one file to the end of another; in the kernel where the file system can.
Result<> copy_bytes(int from, int to, std::uint64_t count) {
  off64_t at = 0;
  while (static_cast<std::uint64_t>(at) < count) {
    const auto n = ::copy_file_range(from, &at, to, nullptr, count - at, 0);
    if (n > 0) continue;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
      return std::unexpected(system_error("cannot copy message bytes", errno));
    break;
  }
  std::string piece;
  while (static_cast<std::uint64_t>(at) < count) {
    piece.resize(std::min<std::uint64_t>(kBufferBytes, count - at));
    TRY_VOID(read_at(from, at, piece.data(), piece.size()));
    TRY_VOID(write_all(to, piece));
    at += static_cast<off64_t>(piece.size());
  }
  return {};
}
}  // namespace

Result<> MessageFileWriter::seal(Kind kind, const Records& records, std::uint32_t slots,
                                 std::uint16_t slot_bytes) {
  auto& in = *inner_;
  if (in.sealed) return bug("message file sealed twice");
  in.sealed_hash = XXH3_64bits_digest(in.hash);
  TRY(const auto tail, make_tail(kind, in.size, in.sealed_hash, records, slots, slot_bytes));
  in.buffer += tail;
  TRY_VOID(in.flush());
  in.buffer.shrink_to_fit();
  in.sealed = true;
  return {};
}

Result<> MessageFileWriter::copy_sealed(int to_fd, Kind kind, const Records& records, std::uint32_t slots,
                                        std::uint16_t slot_bytes) const {
  if (!inner_->sealed) return bug("message file copied before it was sealed");
  TRY(const auto tail, make_tail(kind, inner_->size, inner_->sealed_hash, records, slots, slot_bytes));
  TRY_VOID(copy_bytes(inner_->fd, to_fd, inner_->size));
  TRY_VOID(failpoint("spool.write"));
  return write_all(to_fd, tail);
}

}  // namespace waxwing::spool
