// One message in one file: the format of the queue and of the store, so that a queue file can be linked
// into a mailbox as it is.
//
//   [0, M)            message bytes, CRLF line ends, exactly as they are sent or fetched
//   [M, M+R)          records (records.h): the envelope, or what the store keeps with a message
//   [.., +S*n)        n slots of S bytes: the only bytes that change after sealing; no checksum covers them
//   [.., +64)         footer
//
// Footer, little-endian:
//    0 u64 M, message size          8 u64 XXH3 of the message      16 u64 XXH3 of the records
//   24 u32 R, records size         28 u32 n, slots                 32 u16 S, slot size   34 u16 kind
//   36 u32 0                       40 u64 XXH3 of footer bytes [0,40) and [48,64)
//   48 u32 version                 52 u32 footer size              56 "WxMessg\n"
// The last sixteen bytes keep their meaning in every version: a reader that meets another version says so.
// A file that is cut short at any point has no footer at its end (or one whose sizes do not add up) and is
// refused. Who needs message bytes only, and knows M, reads [0, M) and nothing else.
//
// Writing makes nothing durable: hand the descriptor to common/base/durable.h. Objects are for one thread
// at a time; several readers of one file are fine. Man page: queue-format(5).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/result.h"
#include "common/spool/records.h"

namespace waxwing::spool {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kFooterBytes = 64;
inline constexpr std::size_t kMaxRecordsBytes = 64 << 20;
enum class Kind : std::uint16_t { queue = 1, store = 2 };  // who wrote it; both may read either

// Streams a message into an open, empty file, then seals it. Buffers small writes.
class MessageFileWriter {
 public:
  explicit MessageFileWriter(int fd);  // open for reading and writing; not owned
  ~MessageFileWriter();
  MessageFileWriter(MessageFileWriter&&) noexcept;
  MessageFileWriter& operator=(MessageFileWriter&&) noexcept;

  Result<> write(std::string_view bytes);
  // What was written can be read from the file when this answers.
  Result<> flush();
  // Puts records, zeroed slots and the footer behind the message. Nothing may be written after it.
  Result<> seal(Kind kind, const Records& records, std::uint32_t slots = 0, std::uint16_t slot_bytes = 0);
  // Seals a second file (empty, for writing) with the same message bytes and other records. Call after
  // seal().
  Result<> copy_sealed(int to_fd, Kind kind, const Records& records, std::uint32_t slots = 0,
                       std::uint16_t slot_bytes = 0) const;
  std::uint64_t message_size() const;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

class MessageFile {
 public:
  // Reads and checks footer and records (two preads, one for small files). Permanent error naming file and
  // damage when it is not whole; the message bytes themselves are checked by verify_message() only.
  static Result<MessageFile> open(const std::string& path, bool writable = false);
  static Result<MessageFile> from_fd(UniqueFd fd, std::string path);

  std::uint64_t message_size() const { return message_size_; }
  Kind kind() const { return kind_; }
  const Records& records() const { return records_; }
  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }

  // Up to max_bytes of the message from offset; empty at its end.
  Result<std::string> read_message(std::uint64_t offset, std::size_t max_bytes) const;
  // Reads all message bytes in pieces and compares the checksum.
  Result<> verify_message() const;

  std::uint32_t slot_count() const { return slot_count_; }
  std::uint16_t slot_bytes() const { return slot_bytes_; }
  // count neighbours from first on, slot_bytes() each. All of them have to exist.
  Result<std::string> read_slots(std::uint32_t first, std::uint32_t count) const;
  Result<> write_slot(std::uint32_t index, std::string_view bytes);  // at most slot_bytes(); needs writable
  // The slots from index on as they are now given, whole ones, for a durable batch: after a power cut they
  // are written back if the file that then bears this name has the same footer. This object stays open until
  // the commit has answered.
  durable::Range slot_range(std::uint32_t index, std::string slots) const;

 private:
  Result<> read_footer(std::uint64_t file_size);
  std::uint64_t slots_at() const { return message_size_ + records_size_; }

  UniqueFd fd_;
  std::string path_;
  std::uint64_t message_size_ = 0;
  std::uint64_t message_hash_ = 0;
  std::uint32_t records_size_ = 0;
  std::uint32_t slot_count_ = 0;
  std::uint16_t slot_bytes_ = 0;
  Kind kind_ = Kind::queue;
  std::array<char, kFooterBytes> footer_{};
  Records records_;
};

// Everything in the file but the message bytes, as text for a person, one "name: value" a line.
std::string dump(const MessageFile& file);

}  // namespace waxwing::spool
