// IMAP mailbox names on the wire of IMAP4rev1: modified UTF-7 (RFC 3501 §5.1.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace waxwing::mail {

// Strict: nothing for 8-bit or control bytes, unfinished shifts, superfluous shifts ("&AGE-" for "a",
// "&...-&...-"), non-zero padding bits, lone surrogates. So one name has one spelling.
std::optional<std::string> from_modified_utf7(std::string_view text);
// Nothing when text is not valid UTF-8.
std::optional<std::string> to_modified_utf7(std::string_view utf8);

}  // namespace waxwing::mail
