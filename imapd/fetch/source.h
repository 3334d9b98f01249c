// One message being fetched: its file, and what the items of the request are in it.
//
// A literal must not hold NUL (RFC 9051 §4.3): where old or broken mail has one, all but BINARY tell the byte
// 0x80 in its place.
//
// Everything here blocks and runs on a worker, unless it says otherwise. Small contents are read at once,
// large ones are told as an extent that the session streams piece by piece.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "imapd/fetch/decoder.h"
#include "imapd/parse/fetch_items.h"
#include "store/mailbox.h"

namespace waxwing::imap {

// Contents up to this size are read whole; what is longer is streamed in pieces of this size.
inline constexpr std::size_t kPieceBytes = 64 * 1024;

struct Content {
  bool missing = false;           // no such part: NIL
  bool unknown_encoding = false;  // BINARY cannot decode it
  bool streamed = false;          // else it is in bytes
  bool may_hold_nul = false;      // BINARY: told as literal8
  std::string bytes;
  std::uint64_t offset = 0, length = 0;                              // raw bytes in the file
  mail::TransferEncoding encoding = mail::TransferEncoding::binary;  // to be undone while streaming
  std::uint64_t skip = 0;                                            // decoded bytes before the partial range
  std::uint64_t size = 0;  // of the answer's literal, after decoding and partial range
};

struct FetchedMessage {
  std::shared_ptr<store::MessageBytes> file;  // null when every item came from the cache
  std::vector<Content> contents;              // by position in the request; empty for items without bytes
  std::size_t bytes_held() const;
};

// True when the cache has every byte the request's items want: header fields that are kept there.
bool is_served_by_cache(const FetchRequest& request);
// Only for such requests. Never blocks.
FetchedMessage fetch_from_cache(const FetchRequest& request, const store::CachedMessage& cached);

// Opens the message and finds every item. Contents are read whole while they are small, and kMostInline bytes
// together. Code::nonexistent when it has been purged; Code::limit when the items that must be made anew, cut
// out of headers for instance, come to more than kMostOwned bytes.
inline constexpr std::size_t kMostInline = 256 * 1024;
inline constexpr std::size_t kMostOwned = 16 << 20;
Result<FetchedMessage> fetch_from_file(const FetchRequest& request, store::Mailbox& mailbox,
                                       const store::MessageInfo& message);

// The streamed content, piece by piece.
class ContentReader {
 public:
  ContentReader(std::shared_ptr<store::MessageBytes> file, const Content& content);
  // Empty when everything has been read.
  Result<std::string> next();

 private:
  std::shared_ptr<store::MessageBytes> file_;
  PieceDecoder decoder_;
  std::uint64_t at_, raw_left_, skip_, left_;
  bool may_hold_nul_;
};

}  // namespace waxwing::imap
