#include "common/mail/mime.h"

#include <catch2/catch.hpp>

#include "common/mail/imap_structure.h"
#include "common/mail/section.h"
#include "imapd/parse/fetch_items.h"

using namespace waxwing::mail;

namespace {

const std::string kNested =
    "From: \"A, B\" <a@b.c>\r\n"
    "To: G: x@y.z;, =?utf-8?Q?q?= <q@r.s>\r\n"
    "Subject: Hi \"there\"\r\n"
    "Date: Sun, 22 Nov 2026 04:10:00 +0000\r\n"
    "Message-ID: <1@b.c>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=\"out er\"\r\n"
    "\r\n"
    "preamble\r\n"
    "--out er\r\n"
    "\r\n"
    "one\r\ntwo\r\n"
    "--out er\r\n"
    "Content-Type: multipart/alternative; boundary=in\r\n"
    "\r\n"
    "--in\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n"
    "\r\n"
    "=C3=A4\r\n"
    "--in \t\r\n"
    "Content-Type: text/html\r\n"
    "\r\n"
    "<b>\r\n"
    "--in--\r\n"
    "epilogue\r\n"
    "--out er\r\n"
    "Content-Type: message/rfc822\r\n"
    "Content-Disposition: attachment; filename=x.eml\r\n"
    "\r\n"
    "Subject: inside\r\n"
    "From: i@n.n\r\n"
    "\r\n"
    "body\r\n"
    "--out er--\r\n"
    "the end\r\n";

std::string body(const Mime& mime, std::size_t index) {
  return std::string(mime.body_of(mime.parts.at(index)));
}

std::string section(const Mime& mime, std::string_view text) {
  const auto item = "BODY[" + std::string(text) + "]";
  waxwing::imap::Scanner in(item);
  const auto parsed = waxwing::imap::parse_fetch(in);
  if (!parsed) return "bad: " + parsed.error().text;
  const auto found = find_section(mime, parsed->items.front().section);
  return found.missing ? "missing" : std::string(found.view());
}

// Links, order and nesting hold whatever the message was.
void check_sane(const Mime& mime) {
  for (std::size_t i = 0; i < mime.parts.size(); ++i) {
    const auto& part = mime.parts[i];
    REQUIRE(part.header_begin <= part.body_begin);
    REQUIRE(part.body_begin <= part.end);
    REQUIRE(part.end <= mime.message.size());
    REQUIRE((part.kind != MimePart::Kind::message || part.children == 1));
    if (i == 0) continue;
    const auto& parent = mime.parts.at(static_cast<std::size_t>(part.parent));
    REQUIRE(part.header_begin >= parent.body_begin);
    REQUIRE(part.end <= parent.end);
  }
}

}  // namespace

TEST_CASE("a nested message is taken apart") {
  const auto mime = parse_mime(kNested);
  check_sane(mime);
  REQUIRE(mime.parts.size() == 7);
  CHECK(mime.root().children == 3);
  CHECK(body(mime, 1) == "one\r\ntwo");
  CHECK(mime.parts[1].body_lines == 2);
  CHECK(mime.parts[2].children == 2);
  CHECK(body(mime, 3) == "=C3=A4");
  CHECK(mime.parts[3].encoding == TransferEncoding::quoted_printable);
  CHECK(body(mime, 4) == "<b>");
  CHECK(mime.parts[5].kind == MimePart::Kind::message);
  CHECK(body(mime, 5) == "Subject: inside\r\nFrom: i@n.n\r\n\r\nbody");
  CHECK(body(mime, 6) == "body");
  CHECK(mime.parts[5].body_lines == 4);
  CHECK(mime.parts[6].header_lines == 3);
  CHECK(mime.header.value("Message-ID") == "<1@b.c>");
  CHECK(mime.root().end == kNested.size());
  CHECK_FALSE(mime.limited);
}

TEST_CASE("ENVELOPE") {
  const auto mime = parse_mime(kNested);
  CHECK(
      imap_envelope(mime.header) ==
      R"(("Sun, 22 Nov 2026 04:10:00 +0000" "Hi \"there\"" (("A, B" NIL "a" "b.c")) (("A, B" NIL "a" "b.c")) )"
      R"((("A, B" NIL "a" "b.c")) ((NIL NIL "G" NIL)(NIL NIL "x" "y.z")(NIL NIL NIL NIL)("=?utf-8?Q?q?=" NIL "q" "r.s")) )"
      R"(NIL NIL NIL "<1@b.c>"))");
  CHECK(imap_envelope(HeaderBlock::scan("")) == "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
  CHECK(imap_envelope(HeaderBlock::scan("Subject: \xC3\xA4\r\nFrom: bare\r\n\r\n")) ==
        "(NIL {2}\r\n\xC3\xA4 ((NIL NIL \"bare\" \"\")) ((NIL NIL \"bare\" \"\")) ((NIL NIL \"bare\" \"\")) "
        "NIL NIL NIL NIL "
        "NIL)");
  CHECK(imap_envelope(HeaderBlock::scan("To: a@b\r\nCc: c@d\r\nTo: e@f\r\nSubject:\r\n\r\n")) ==
        R"((NIL "" NIL NIL NIL ((NIL NIL "a" "b")(NIL NIL "e" "f")) ((NIL NIL "c" "d")) NIL NIL NIL))");
}

TEST_CASE("BODYSTRUCTURE") {
  CHECK(
      imap_body_structure(parse_mime(kNested)) ==
      R"((("text" "plain" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 8 2 NIL NIL NIL NIL))"
      R"((("text" "plain" ("charset" "utf-8") NIL NIL "QUOTED-PRINTABLE" 6 1 NIL NIL NIL NIL))"
      R"(("text" "html" NIL NIL NIL "7BIT" 3 1 NIL NIL NIL NIL) "alternative" ("boundary" "in") NIL NIL NIL))"
      R"(("message" "rfc822" NIL NIL NIL "7BIT" 36 (NIL "inside" ((NIL NIL "i" "n.n")) ((NIL NIL "i" "n.n")) )"
      R"(((NIL NIL "i" "n.n")) NIL NIL NIL NIL NIL) ("text" "plain" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 4 1 NIL NIL )"
      R"(NIL NIL) 4 NIL ("attachment" ("filename" "x.eml")) NIL NIL) "mixed" ("boundary" "out er") NIL NIL NIL))");
  CHECK(imap_body_structure(
            parse_mime("Content-Type: image/png; name*=utf-8''%C3%A4\r\nContent-Language: de, en\r\n"
                       "Content-ID: <1>\r\nContent-Transfer-Encoding: BASE64\r\n\r\nAAAA\r\n"),
            false) == R"(("image" "png" ("name*" "utf-8''%C3%A4") "<1>" NIL "BASE64" 6))");
  CHECK(imap_body_structure(parse_mime("Content-Type: multipart/mixed; boundary=x\r\n\r\nno parts\r\n"),
                            false) == R"((("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0) "mixed"))");
  CHECK(imap_body_structure(parse_mime("Content-Type: nonsense\r\n\r\n"), false) ==
        R"(("text" "plain" NIL NIL NIL "7BIT" 0 0))");
}

TEST_CASE("sections name their bytes") {
  const auto mime = parse_mime(kNested);
  CHECK(section(mime, "") == kNested);
  CHECK(section(mime, "1") == "one\r\ntwo");
  CHECK(section(mime, "1.MIME") == "\r\n");
  CHECK(section(mime, "2.1") == "=C3=A4");
  CHECK(section(mime, "2.2.MIME") == "Content-Type: text/html\r\n\r\n");
  CHECK(section(mime, "3.HEADER") == "Subject: inside\r\nFrom: i@n.n\r\n\r\n");
  CHECK(section(mime, "3.TEXT") == "body");
  CHECK(section(mime, "3.1") == "body");
  CHECK(section(mime, "3.1.1") == "missing");
  CHECK(section(mime, "3.HEADER.FIELDS (FROM x)") == "From: i@n.n\r\n\r\n");
  CHECK(section(mime, "HEADER.FIELDS.NOT (from to subject date message-id mime-version content-type)") ==
        "\r\n");
  CHECK(section(mime, "header.fields (\"Subject\")") == "Subject: Hi \"there\"\r\n\r\n");
  CHECK(section(mime, "TEXT").starts_with("preamble\r\n"));
  CHECK(section(mime, "HEADER") + section(mime, "TEXT") == kNested);
  for (const char* none : {"4", "2.3", "1.1", "1.HEADER", "2.TEXT", "4294967295"})
    CHECK(section(mime, none) == "missing");
  const auto plain = parse_mime("A: b\r\n\r\nhello\r\n");
  CHECK(section(plain, "1") == "hello\r\n");
  CHECK(section(plain, "1.MIME") == "A: b\r\n\r\n");
  CHECK(section(plain, "2") == "missing");
  CHECK(section(plain, "1.1") == "missing");
  // A message that is itself a message/rfc822: 1 is the message inside, 1.1 its text.
  const auto wrapped = parse_mime("Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nhello\r\n");
  CHECK(section(wrapped, "1") == "A: b\r\n\r\nhello\r\n");
  CHECK(section(wrapped, "1.HEADER") == "A: b\r\n\r\n");
  CHECK(section(wrapped, "1.1") == "hello\r\n");
}

TEST_CASE("MIME details") {
  const auto digest = parse_mime(
      "Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: "
      "x\r\n\r\nb\r\n--d\r\nContent-Type: text/plain\r\n\r\n--d--");
  REQUIRE(digest.parts.size() == 4);
  CHECK(digest.parts[1].kind == MimePart::Kind::message);
  CHECK(digest.parts[3].is("TEXT", "*"));
  // A boundary that is another one's beginning, or ends in dashes, is matched whole.
  const auto prefix = parse_mime(
      "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; "
      "boundary=a--\r\n\r\n--a--\r\n\r\nx\r\n--ab\r\n--a----\r\n--a--\r\n");
  check_sane(prefix);
  // "--a--" closes the outer one too, but the innermost boundary that fits wins.
  REQUIRE(prefix.parts.size() == 3);
  CHECK(std::string(prefix.body_of(prefix.parts[2])) == "x\r\n--ab");
  // A header that runs into a boundary, even into one that looks like a field.
  const auto cut = parse_mime(
      "Content-Type: multipart/mixed; boundary=\"x:y\"\r\n\r\n--x:y\r\nA: "
      "1\r\n--x:y\r\n\r\nz\r\n--x:y--\r\n");
  check_sane(cut);
  REQUIRE(cut.parts.size() == 3);
  CHECK(cut.header_of(cut.parts[1]) == "A: 1\r\n");
  CHECK(body(cut, 1).empty());
  CHECK(body(cut, 2) == "z");
  // Encoded composites are leaves, and not announced as composites.
  const auto encoded =
      parse_mime("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n");
  CHECK(encoded.parts.size() == 1);
  CHECK(imap_body_structure(encoded, false).starts_with("(\"APPLICATION\" \"OCTET-STREAM\""));
  const auto unclosed = parse_mime("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\ny");
  REQUIRE(unclosed.parts.size() == 2);
  CHECK(body(unclosed, 1) == "x\r\ny");
}

TEST_CASE("any cut and any byte gives a sane structure") {
  for (std::size_t i = 0; i <= kNested.size(); ++i) {
    const auto text = kNested.substr(0, i);
    const auto mime = parse_mime(text);
    check_sane(mime);
    imap_body_structure(mime);
    imap_envelope(mime.header);
  }
  for (std::size_t i = 0; i < kNested.size(); ++i) {
    for (const char c : {'\0', '\n', '\r', '-', '\xFF', '"', '('}) {
      auto text = kNested;
      text[i] = c;
      const auto mime = parse_mime(text);
      check_sane(mime);
      imap_body_structure(mime);
    }
  }
}

TEST_CASE("hostile structures are bounded") {
  std::string deep, close;
  for (int i = 0; i < 5000; ++i) {
    const auto name = "b" + std::to_string(i);
    deep += "Content-Type: multipart/mixed; boundary=" + name + "\r\n\r\n--" + name + "\r\n";
  }
  const auto nested = parse_mime(deep);
  check_sane(nested);
  CHECK(nested.parts.size() == 101);
  CHECK(nested.limited);
  imap_body_structure(nested);

  std::string messages;
  for (int i = 0; i < 100000; ++i) messages += "Content-Type: message/rfc822\r\n\r\n";
  const auto inside = parse_mime(messages);
  check_sane(inside);
  CHECK(inside.parts.size() == 101);
  imap_body_structure(inside);

  std::string wide = "Content-Type: multipart/mixed; boundary=x:\r\n\r\n";
  for (int i = 0; i < 300000; ++i) wide += "--x:\r\n";
  const auto many = parse_mime(wide, {.max_parts = 1000});
  check_sane(many);
  CHECK(many.parts.size() == 1000);
  CHECK(many.limited);

  // Every line looks like a boundary to a parser that tries them all.
  std::string lines = deep.substr(0, 99 * 40);
  for (int i = 0; i < 500000; ++i) lines += "--b\r\n";
  check_sane(parse_mime(lines));
  parse_mime(std::string(3000000, '\n'));
  parse_mime(std::string(3000000, '-'));
}

TEST_CASE("IMAP strings choose their form") {
  const auto text = [](std::string_view value) {
    std::string out;
    append_imap_string(out, value);
    return out;
  };
  using namespace std::string_literals;
  CHECK(text("a\"b\\") == "\"a\\\"b\\\\\"");
  CHECK(text("") == "\"\"");
  CHECK(text("a\0b"s) == "\"ab\"");
  CHECK(text("a\r\nb") == "{4}\r\na\r\nb");
  CHECK(text("\xC3\xA4") == "{2}\r\n\xC3\xA4");
  CHECK(text(std::string(2000, 'x')).starts_with("{2000}\r\n"));
}

TEST_CASE("an envelope tells so many addresses and no more") {
  std::string list = "From: ";
  for (int i = 0; i < 30000; ++i) list += "a,";
  const auto told = [](std::string_view text) {
    std::size_t count = 0;
    for (auto at = text.find("\"a\""); at != text.npos; at = text.find("\"a\"", at + 1)) ++count;
    return count;
  };
  CHECK(told(imap_envelope(HeaderBlock::scan(list + "\r\n"))) == kMostToldAddresses);
  CHECK(told(imap_envelope(HeaderBlock::scan(list.substr(0, 6 + 2 * 7000) + "\r\nTo: a\r\n"))) == 14001);
  std::string nest = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 20; ++i) nest += "--b\r\nContent-Type: message/rfc822\r\n\r\n" + list + "\r\n\r\nx\r\n";
  const auto structure = imap_body_structure(parse_mime(nest + "--b--\r\n"));
  CHECK(told(structure) == kMostToldAddresses);
  CHECK(structure.size() < 1 << 20);
}
