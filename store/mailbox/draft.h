// A message file in the making.
//
// While the message is small it is held in memory, and its file is written in one go under the name that it
// keeps: in the mailbox it was made for. One that grows goes to a file in a folder of the partition's tmp/, from
// where it is linked; memory stays the same whatever its size.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/spool/message_file.h"
#include "store/mailbox.h"
#include "store/mailbox/cache.h"
#include "store/mailbox/files.h"

namespace waxwing::store {

// Taking a mapping away interrupts every thread of the process: a message up to this size is read instead.
constexpr std::uint64_t kReadNotMapped = 64 << 10;

struct Draft::Inner {
  explicit Inner(std::string path_of_partition) : partition_path(std::move(path_of_partition)) {}
  ~Inner();  // removes the name in tmp/: what was delivered has others
  Inner(const Inner&) = delete;

  Result<> write(std::string_view bytes);
  bool stays_in_memory(std::size_t more) const { return !fd && small.size() + more <= kReadNotMapped; }
  std::uint64_t size() const { return writer ? writer->message_size() : small.size(); }
  // Of a sealed message.
  Result<ParsedMessage> parse() const;

  // The message is whole and has these records. A small one has no file yet.
  Result<> seal(const spool::Records& with);
  bool has_file() const { return fd.get() >= 0; }
  // Writes a sealed message that has no file. A piece of it lies at that path meanwhile: only where nobody
  // looks yet, as under a reserved UID.
  Result<> write_at(const std::string& message_path);

  std::string partition_path;
  std::string small;  // the message, until it has a file
  std::string path;   // of the file, when there is one
  UniqueFd fd;
  std::string message_id;

 private:
  Result<> make_file();
  bool temporary_name_ = false;
  std::optional<spool::MessageFileWriter> writer;
  spool::Records records_;
};

struct DraftFacts {
  std::optional<std::int64_t> internal_date;  // now when absent
  std::int32_t zone_minutes = 0;
  std::string log_id;
};
// Parses and seals a draft: all of the message but flags and keywords.
Result<Incoming> incoming_from(Draft::Inner& draft, const DraftFacts& facts);

Result<ParsedMessage> parse_file(int fd, std::uint64_t message_size);

}  // namespace waxwing::store
