// The cache of one mailbox, store.c<generation>: what FETCH answers from without parsing the message.
//
// Append-only entries; an index record says where its own begins. Nothing here is ever synced: an entry
// carries a checksum and the email id, and one that does not hold is made anew from the message.
//
//   0 u32 magic   4 u32 bytes of the whole entry   8 u64 XXH3 of bytes [16, end)
//  16 u64 email id   24 u32 header size   28 u32 version
//  32 five u32 lengths: envelope, body, bodystructure, headers, preview; then these texts.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/file.h"
#include "store/detail/mapping.h"
#include "store/mailbox.h"

namespace waxwing::store {

// What delivery must know of a message, found by one parse.
struct ParsedMessage {
  std::string cache_entry;  // ready to be appended, but for the email id: see stamp()
  std::uint32_t header_size = 0;
  std::uint64_t thread_id = 0;  // 0: the message has no Message-ID; the email id serves
  std::string message_id;
};
ParsedMessage parse_for_cache(std::string_view message);
// Writes email id and checksum into an entry.
void stamp(std::string& entry, std::uint64_t email_id);

class CacheFile {
 public:
  // Creates an empty file when there is none.
  static Result<std::shared_ptr<CacheFile>> open(const std::string& path);
  // At `offset`, where the caller has reserved entry.size() bytes.
  Result<> write(std::uint64_t offset, std::string_view entry);
  // The entry's bytes when it is whole and of that message.
  std::optional<std::string_view> entry(std::uint64_t offset, std::uint64_t email_id,
                                        std::shared_ptr<const void>& keep);
  std::uint64_t size() const;  // of the file, now

 private:
  // That far at least; known: how far the mapping may be read.
  std::shared_ptr<Mapping> mapping(std::uint64_t end, std::uint64_t& known);
  UniqueFd fd_;
  std::mutex mutex_;
  std::shared_ptr<Mapping> map_;
  std::uint64_t known_size_ = 0;
};

// Of parse_for_cache(): an entry without its stamp.
std::string pack(std::uint32_t header_size, const std::array<std::string_view, 5>& parts);
// The parts of an entry that has been checked.
CachedMessage unpack(std::string_view entry, std::shared_ptr<const void> keep);
std::optional<std::string_view> check_entry(std::string_view bytes, std::uint64_t email_id);

}  // namespace waxwing::store
