// What a FETCH asks for: RFC 9051 §6.4.5, RFC 3501 §6.4.5, BINARY (RFC 3516), CONDSTORE (RFC 7162),
// OBJECTID (RFC 8474).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/mail/section.h"
#include "imapd/parse/scanner.h"

namespace waxwing::imap {

enum class FetchKind {
  body,  // BODY without a section: structure without extension data
  body_structure,
  envelope,
  flags,
  internal_date,
  size,
  uid,
  modseq,
  email_id,
  thread_id,
  section,      // BODY[...]<...>
  rfc822,       // RFC822, RFC822.HEADER, RFC822.TEXT: sections under old names
  binary,       // BINARY[...]
  binary_size,  // BINARY.SIZE[...]
};

struct FetchItem {
  FetchKind kind = FetchKind::flags;
  mail::Section section;
  bool peek = false;  // leaves \Seen alone
  struct Partial {
    std::uint32_t offset = 0;
    std::uint32_t count = 0;
  };
  std::optional<Partial> partial;
  const char* old_name = nullptr;  // of rfc822
};

struct FetchRequest {
  std::vector<FetchItem> items;
  std::optional<std::uint64_t> changed_since;  // RFC 7162 §3.1.4.1
  bool asks(FetchKind kind) const;
  bool sets_seen() const;
  bool needs_message() const;  // bytes of the message itself
};

// "ALL", one item, or a list in parentheses, with modifiers after it. At most max_items.
Result<FetchRequest> parse_fetch(Scanner& in, std::size_t max_items = 200);

}  // namespace waxwing::imap
