// MIME structure: RFC 2045/2046, one pass over the message, no copies. A Mime holds offsets and views into
// the message bytes, which must outlive it (a memory map will do). Never fails: a broken message has a
// simpler structure. Linear in the message's size, whatever the nesting: recursion is bounded by the limits
// and boundaries are looked up, not tried one by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/mail/header.h"

namespace waxwing::mail {

struct MimeLimits {
  unsigned max_depth = 100;       // of nested multiparts and messages; deeper ones are leaves
  std::size_t max_parts = 10000;  // further parts are left inside the last one's bytes
  HeaderLimits header;
};

enum class TransferEncoding { seven_bit, eight_bit, binary, quoted_printable, base64, unknown };

struct MimePart {
  enum class Kind { leaf, multipart, message };  // message: message/rfc822 or message/global, one child
  Kind kind = Kind::leaf;
  TransferEncoding encoding = TransferEncoding::seven_bit;
  bool limited = false;  // a limit made it a leaf
  std::uint16_t depth = 0;
  // Byte offsets in the message: header [header_begin, body_begin) with its empty line, body
  // [body_begin, end). The line break before a boundary belongs to the boundary.
  std::size_t header_begin = 0, body_begin = 0, end = 0;
  std::size_t header_lines = 0, body_lines = 0;  // body_lines: a last line without a line end counts as well
  // Tree links: indexes into Mime::parts, -1 for none.
  std::int32_t parent = -1, first_child = -1, next_sibling = -1;
  std::uint32_t children = 0;
  // As written, or "text"/"plain" ("message"/"rfc822" inside multipart/digest).
  std::string_view type, subtype;
  // Raw field values (folded); data() is null when the field is not there.
  std::string_view content_type, content_encoding, content_disposition, content_id, content_description,
      content_md5, content_language, content_location;

  std::size_t header_size() const { return body_begin - header_begin; }
  std::size_t body_size() const { return end - body_begin; }
  bool is(std::string_view type_name, std::string_view subtype_name) const;  // "*" for any subtype
};

struct Mime {
  std::string_view message;
  std::vector<MimePart> parts;  // preorder; parts[0] is the message itself
  HeaderBlock header;           // of the message itself
  bool limited = false;

  const MimePart& root() const { return parts[0]; }
  std::string_view header_of(const MimePart& part) const;
  std::string_view body_of(const MimePart& part) const;
};

Mime parse_mime(std::string_view message, const MimeLimits& limits = {});

// From a Content-Transfer-Encoding value; comments and case ignored.
TransferEncoding transfer_encoding(std::string_view value);

}  // namespace waxwing::mail
