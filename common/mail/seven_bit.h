// A message for a next hop that takes 7-bit text only: RFC 6152 §3, RFC 2045 §5 and §6. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/mail/mime.h"

namespace waxwing::mail {

// Bytes above 127, or NUL.
bool has_eight_bit(std::string_view bytes);

struct SevenBitForm {
  bool possible = false;
  std::string message;  // when possible
  std::string why;      // when not: "a part is signed ..."
};

// Bodies with such bytes, and those labelled binary with lines longer than SMTP allows or bare CR or LF,
// become quoted-printable (text) or base64 (all else), and the fields that name their encoding follow. A
// message without MIME gets the fields it needs, with charset utf-8 where it is that, else unknown-8bit (RFC
// 1428). Not possible: a part inside multipart/signed that would change, message/partial and other containers
// of a kind that may have no encoding, an encoding nobody knows, too many parts. Header fields keep their
// bytes: an 8-bit header is not allowed with 8BITMIME either.
SevenBitForm to_seven_bit(std::string_view message, const MimeLimits& limits = {});

}  // namespace waxwing::mail
