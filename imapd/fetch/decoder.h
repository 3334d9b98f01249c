// Content transfer decoding in pieces, for BINARY (RFC 3516): a 50 MB attachment passes in constant memory.
#pragma once

#include <string>
#include <string_view>

#include "common/mail/mime.h"

namespace waxwing::imap {

class PieceDecoder {
 public:
  explicit PieceDecoder(mail::TransferEncoding encoding) : encoding_(encoding) {}
  // Decoded bytes of the next piece; with `last` everything that was held back too.
  std::string feed(std::string_view raw, bool last);

 private:
  std::string base64(std::string_view raw, bool last);
  std::string quoted_printable(std::string_view raw, bool last);

  mail::TransferEncoding encoding_;
  std::string held_;    // base64: characters of an unfinished group; quoted-printable: an unfinished line
  bool ended_ = false;  // base64 padding was seen
};

// Encodings that change nothing.
bool is_identity(mail::TransferEncoding encoding);

}  // namespace waxwing::imap
