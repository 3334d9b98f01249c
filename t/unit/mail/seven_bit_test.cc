#include "common/mail/seven_bit.h"

#include <catch2/catch.hpp>

#include "common/base/random.h"
#include "common/mail/transfer_coding.h"

using namespace waxwing;
using namespace waxwing::mail;

namespace {
std::string converted(std::string_view message) {
  auto form = to_seven_bit(message);
  CAPTURE(form.why);
  REQUIRE(form.possible);
  return std::move(form.message);
}

// Whatever is done to a message, each leaf says the same as before.
void check_same_content(std::string_view before, std::string_view after) {
  const auto old_mime = parse_mime(before), new_mime = parse_mime(after);
  REQUIRE(old_mime.parts.size() == new_mime.parts.size());
  for (std::size_t i = 0; i < old_mime.parts.size(); ++i) {
    const auto &was = old_mime.parts[i], &is = new_mime.parts[i];
    CHECK(was.kind == is.kind);
    if (was.kind == MimePart::Kind::leaf)
      CHECK(decoded_part(old_mime, was).bytes == decoded_part(new_mime, is).bytes);
  }
}
}  // namespace

TEST_CASE("what is 7-bit already needs no other form") {
  CHECK_FALSE(has_eight_bit("Subject: x\r\n\r\nplain\r\n"));
  CHECK(has_eight_bit("gr\xc3\xbc\xc3\x9f"));
  CHECK(has_eight_bit(std::string_view("a\0b", 3)));
}

TEST_CASE("8-bit text becomes quoted-printable, other content base64") {
  struct Row {
    const char *before, *after;
  };
  const Row rows[] = {
      {"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
       "8bit\r\nSubject: x\r\n\r\n"
       "gr\xc3\xbc\xc3\x9f = 1 \r\n",
       "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nSubject: x\r\n"
       "Content-Transfer-Encoding: quoted-printable\r\n\r\ngr=C3=BC=C3=9F =3D 1=20\r\n"},
      {"MIME-Version: 1.0\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\r\n",
       "MIME-Version: 1.0\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\n/w0K\r\n"},
      {"Subject: no MIME\r\n\r\n\xe9t\xe9\r\n",
       "Subject: no MIME\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
       "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E9t=E9\r\n"},
      {"Subject: no MIME\r\n\r\n\xc3\xa9\r\n",
       "Subject: no MIME\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
       "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n"},
      {"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\na\rb\r\n",
       "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
       "quoted-printable\r\n\r\na=0Db\r\n"},
      {"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
       "binary\r\n\r\na\n.\nb\r\n",
       "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
       "quoted-printable\r\n\r\na=0A.=0Ab\r\n"},
      // The label alone is wrong.
      {"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain\r\n",
       "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n\r\nplain\r\n"},
  };
  for (const auto& row : rows) CHECK(converted(row.before) == row.after);
}

TEST_CASE("each part of a multipart is seen to by itself") {
  const std::string before =
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: "
      "8bit\r\n\r\n"
      "pr\xc3\xa9\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
      "8bit\r\n\r\n\xc3\xbc\r\n"
      "--b\r\n\r\nplain\r\n--b\r\nContent-Type: application/x\r\n\r\n\xff\xfe\r\n"
      "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/html; charset=utf-8\r\n\r\n<p>\xc3\xa4</p>\r\n--b--\r\n\xc3\xa9pilogue\r\n";
  const auto after = converted(before);
  CHECK_FALSE(has_eight_bit(after));
  check_same_content(before, after);
  CHECK(after.find("boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n") != std::string::npos);
  CHECK(after.find("\r\n\r\n=C3=BC\r\n--b\r\n\r\nplain\r\n--b\r\n") != std::string::npos);
  CHECK(after.find("\r\n\r\n//4=\r\n--b\r\n") != std::string::npos);
  CHECK(after.find("<p>=C3=A4</p>") != std::string::npos);
  CHECK(converted(after) == after);
}

TEST_CASE("what must not change is refused, with the reason") {
  const std::string head = "MIME-Version: 1.0\r\nContent-Type: ";
  const std::string signed_part = head + "multipart/signed; boundary=s; micalg=x; protocol=y\r\n\r\n--s\r\n";
  CHECK(to_seven_bit(signed_part +
                     "Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xbc\r\n--s\r\n\r\nsig\r\n--s--\r\n")
            .why == "a part inside multipart/signed would change");
  // Signed, but 7-bit: nothing changes.
  const auto plain = signed_part + "Content-Type: text/plain\r\n\r\nx\r\n--s\r\n\r\nsig\r\n--s--\r\n";
  CHECK(converted(plain) == plain);
  const auto label = signed_part + "Content-Transfer-Encoding: 8bit\r\n\r\nx\r\n--s\r\n\r\nsig\r\n--s--\r\n";
  CHECK(converted(label) == label);
  CHECK(to_seven_bit(head + "message/partial; id=x; number=1\r\n\r\n\xc3\xbc\r\n")
            .why.find("message/partial") != std::string::npos);
  CHECK(to_seven_bit(head + "text/plain\r\nContent-Transfer-Encoding: x-uu\r\n\r\n\xc3\xbc\r\n")
            .why.find("not known") != std::string::npos);
  CHECK_FALSE(to_seven_bit(head + "multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xbc\r\n--b--\r\n",
                           {.max_depth = 0})
                  .possible);
}

TEST_CASE("bytes that do not belong into an encoded part are taken out or encoded") {
  const std::string head = "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: ";
  CHECK(converted(head + "quoted-printable\r\n\r\n=C3=BC \xc3\xbc\r\n") ==
        head + "quoted-printable\r\n\r\n=C3=BC =C3=BC\r\n");
  CHECK(converted(head + "base64\r\n\r\nAA\xc3==\r\n") == head + "base64\r\n\r\nAA==\r\n");
}

TEST_CASE("what was no header field does not become one when its 8-bit bytes are gone") {
  const auto after = converted(
      "Content-Type: multipart/mixed; boundary=b\r\nX\xff: y\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "--b\r\nY\xff: z\r\n--b--\r\n");
  CHECK(after.starts_with("Content-Type: multipart/mixed; boundary=b\r\n\r\nX?: y\r\n"));
  CHECK(parse_mime(after).parts.size() == 2);
  CHECK_FALSE(has_eight_bit(after));
}

TEST_CASE("any bytes come out as 7-bit lines, or are refused") {
  const std::string_view pieces[] = {"\r\n",
                                     "--b",
                                     "--b--",
                                     "\xc3\xbc",
                                     "Content-Type: multipart/mixed; boundary=b",
                                     "\r\n\r\n",
                                     "Content-Transfer-Encoding: 8bit",
                                     "text",
                                     "\xff",
                                     ":",
                                     "Content-Type: message/rfc822",
                                     "="};
  std::uint32_t state = 7;
  for (int round = 0; round < 3000; ++round) {
    std::string message = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
    for (int i = 0; i < 14; ++i) {
      state = state * 1664525 + 1013904223;
      message += pieces[(state >> 16) % std::size(pieces)];
    }
    const auto form = to_seven_bit(message);
    if (!form.possible) continue;
    const auto mime = parse_mime(form.message);
    for (const auto& part : mime.parts)
      if (part.kind == MimePart::Kind::leaf) CHECK_FALSE(has_eight_bit(mime.body_of(part)));
  }
}
