#include "imapd/fetch/decoder.h"

#include <catch2/catch.hpp>

#include "common/mail/transfer_coding.h"

using namespace waxwing;
using imap::PieceDecoder;
using mail::TransferEncoding;

namespace {
std::string decoded(TransferEncoding encoding, std::string_view raw, std::size_t piece) {
  PieceDecoder decoder(encoding);
  std::string out;
  for (std::size_t at = 0; at < raw.size(); at += piece)
    out += decoder.feed(raw.substr(at, piece), at + piece >= raw.size());
  return out;
}
}  // namespace

TEST_CASE("decoding in pieces gives what decoding at once gives") {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 7);
  const auto base64 = mail::encode_base64_lines(bytes);
  const auto quoted = mail::encode_quoted_printable(
      "Gr\xC3\xBC\xC3\x9F"
      "e = viele\r\n" +
      std::string(200, 'x') + "\r\nend");
  for (const std::size_t piece : {1, 2, 3, 5, 64, 5000}) {
    CAPTURE(piece);
    CHECK(decoded(TransferEncoding::base64, base64, piece) == bytes);
    CHECK(decoded(TransferEncoding::quoted_printable, quoted, piece) ==
          "Gr\xC3\xBC\xC3\x9F"
          "e = viele\r\n" +
              std::string(200, 'x') + "\r\nend");
    CHECK(decoded(TransferEncoding::eight_bit, quoted, piece) == quoted);
  }
}

TEST_CASE("what follows base64 padding is not decoded") {
  for (const std::size_t piece : {1, 100})
    CHECK(decoded(TransferEncoding::base64, "aGk=\r\nTm8=", piece) == "hi");
}

TEST_CASE("a quoted-printable line without end is cut between codes") {
  std::string raw, expected;
  for (int i = 0; i < 60000; ++i) {
    raw += "=41";
    expected += 'A';
  }
  CHECK(decoded(TransferEncoding::quoted_printable, raw, 4096) == expected);
}
