// Mailbox names: what a client writes against what the store is asked for.
//
// Inside the server a name is UTF-8, "/" between levels, INBOX in capitals ("inbox" and "iNbOx/x" are made
// so). On the wire it is modified UTF-7 (RFC 3501 §5.1.3) until the client has enabled IMAP4rev2, then
// UTF-8 (RFC 9051 §5.1).
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::imap {

struct NameLimits {
  std::size_t bytes = 1000;
  std::size_t levels = 60;
};

// From the wire. Permanent error: badly encoded, control characters, empty levels ("a//b", "/a"), "." or
// "..", too long or deep. One slash at the end is dropped (RFC 3501 §6.3.3: CREATE of a parent).
Result<std::string> mailbox_name(std::string_view wire, bool utf8, const NameLimits& limits = {});
// A LIST pattern: the same decoding, wildcards kept, nothing refused but bad encoding.
Result<std::string> mailbox_pattern(std::string_view wire, bool utf8);
// To the wire, not quoted.
std::string wire_name(std::string_view name, bool utf8);

// "a/b/c" -> "a/b"; empty at the top.
std::string_view parent_of(std::string_view name);

}  // namespace waxwing::imap
