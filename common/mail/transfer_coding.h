// Content transfer encodings (RFC 2045 §6) of whole bodies; for one-line base64 see common/base/strings.h.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/mail/mime.h"

namespace waxwing::mail {

struct Decoded {
  std::string bytes;
  bool well_formed = true;  // false: something was skipped or guessed (still decoded as far as it goes)
  bool truncated = false;   // max_bytes reached
};

// Lenient as mail needs it: base64 ignores what is not in its alphabet and stops at padding; quoted-printable
// keeps a '=' that starts no code, and drops blanks at line ends. max_bytes bounds the output.
Decoded decode_base64(std::string_view body, std::size_t max_bytes = std::string::npos);
Decoded decode_quoted_printable(std::string_view body, std::size_t max_bytes = std::string::npos);
// By encoding; 7bit, 8bit and binary are copied. unknown: not well_formed, copied.
Decoded decode_body(std::string_view body, TransferEncoding encoding,
                    std::size_t max_bytes = std::string::npos);

// A part's decoded body.
Decoded decoded_part(const Mime& mime, const MimePart& part, std::size_t max_bytes = std::string::npos);

// Lines of 76 characters ended by CRLF.
std::string encode_base64_lines(std::string_view bytes);
// Text with CRLF line ends, kept; lines of at most 76.
std::string encode_quoted_printable(std::string_view bytes);

}  // namespace waxwing::mail
