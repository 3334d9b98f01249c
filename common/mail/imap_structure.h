// IMAP's ENVELOPE and BODYSTRUCTURE texts (RFC 9051 §7.5.2, RFC 3501 §7.4.2). Output is ready for the wire
// and for caches: strings are NIL, quoted, or literals {n}CRLF... where quoting cannot carry them (8-bit,
// CR, LF, over 1000 bytes); NUL bytes are dropped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/mail/header.h"
#include "common/mail/mime.h"

namespace waxwing::mail {

// Addresses that one of the texts tells, those of the messages inside included; the rest are left out.
inline constexpr std::size_t kMostToldAddresses = 20000;

// "(date subject from sender reply-to to cc bcc in-reply-to message-id)" with its parentheses. Sender and
// Reply-To fall back to From.
std::string imap_envelope(const HeaderBlock& header);
// extended: BODYSTRUCTURE; else BODY. Body parameters with RFC 2231 continuations are joined and, when
// they carry a charset, given as name* with the value still encoded.
std::string imap_body_structure(const Mime& mime, bool extended = true);

// An nstring / string on the wire; used for everything above. Literals need no LITERAL+ from server to
// client.
void append_imap_nstring(std::string& out, std::string_view value, bool present = true);
void append_imap_string(std::string& out, std::string_view value);

}  // namespace waxwing::mail
