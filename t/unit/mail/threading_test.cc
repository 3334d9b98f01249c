// Base subjects, message ids, previews.
#include "common/mail/threading.h"

#include <catch2/catch.hpp>

#include "common/mail/preview.h"

using namespace waxwing::mail;

TEST_CASE("base subjects by RFC 5256") {
  struct Row {
    const char* in;
    const char* out;
    bool refwd;
  };
  const Row rows[] = {
      {"Hello", "Hello", false},
      {"Re: Hello", "Hello", true},
      {"RE : re[2]: Fwd: Hello (fwd)", "Hello", true},
      {"[list] Re: [list] Hello", "Hello", true},
      {"[list] Hello", "Hello", false},
      {"[blob]", "[blob]", false},
      {"[fwd: Re: Hello]", "Hello", true},
      {"Re:", "", true},
      {"Re Hello", "Re Hello", false},
      {"Fw: a\r\n\t b", "a b", true},
      {"=?utf-8?Q?Re=3A_=C3=A4?=", "\xC3\xA4", true},
      {"[a [b] c", "[a [b] c", false},
      {"[fwd: Hello", "[fwd: Hello", false},
      {"", "", false},
  };
  for (const auto& row : rows) {
    INFO(row.in);
    const auto base = base_subject(row.in);
    CHECK(base.text == row.out);
    CHECK(base.is_reply_or_forward == row.refwd);
  }
  for (const char* piece : {"re:", "[a]", "[", "(fwd)", "[fwd:", "re [x]:", "]"}) {
    std::string text;
    while (text.size() < 200000) text += piece;
    base_subject(text);
  }
}

TEST_CASE("message ids") {
  using List = std::vector<std::string>;
  CHECK(message_ids("<a@b> (c) <d@e>\r\n <a@b>") == List{"a@b", "d@e"});
  CHECK(message_ids("<\"a b\"@c>") == message_ids("<\"a\\ b\"@c>"));
  CHECK(message_ids("no id, < <x@y>") == List{"x@y"});
  CHECK(message_ids("<unclosed@x").empty());
  CHECK(message_ids("<a@b><c@d><e@f>", 2).size() == 2);
  CHECK(message_id(HeaderBlock::scan("Message-Id: <x@y>\r\n\r\n")) == "x@y");
  CHECK(references(HeaderBlock::scan("In-Reply-To: <a@b> <c@d>\r\n\r\n")) == List{"a@b"});
  CHECK(references(HeaderBlock::scan("In-Reply-To: <a@b>\r\nReferences: <r@s>\r\n <t@u>\r\n\r\n")) ==
        List{"r@s", "t@u"});
  message_ids(std::string(300000, '<'));
}

TEST_CASE("previews show what a reader would see") {
  const auto preview = [](const std::string& message, std::size_t characters = 200) {
    return preview_text(parse_mime(message), characters);
  };
  CHECK(preview("Subject: x\r\n\r\nHello,\r\n\r\n  world!\r\n-- \r\nsignature\r\n") == "Hello, world!");
  CHECK(preview("\r\nOn Monday B wrote:\r\n> old\r\nnew text\r\n") == "new text");
  CHECK(preview("\r\n> only a quote\r\n") == "> only a quote");
  CHECK(preview("\r\n\xC3\xA4\xC3\xB6\xC3\xBC", 2) == "\xC3\xA4\xC3\xB6");
  CHECK(preview("Content-Type: text/html\r\n\r\n<style>p{}</style><p>A &amp; B&#228;&nbsp;<!-- no "
                "-->C<script>x</script>") == "A & B\xC3\xA4 C");
  CHECK(preview("Content-Type: image/png\r\n\r\nxxxx").empty());
  CHECK(preview("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: "
                "attachment\r\n\r\nno\r\n--b\r\n"
                "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nyes \xE4\r\n--b--\r\n") ==
        "yes \xC3\xA4");
  preview("Content-Type: text/html\r\n\r\n" + std::string(500000, '<'));
  preview("Content-Type: text/html\r\n\r\n" + std::string(500000, '&'));
}

namespace {
// As much of a preview as a shorter one has.
std::string shortened(std::string text, std::size_t characters) {
  std::size_t at = 0;
  for (; at < text.size(); ++at)
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && characters-- == 0) break;
  text.resize(at);
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

// Lines of all kinds, the same ones for the same seed.
std::string random_text(unsigned seed) {
  static const std::string kPieces[] = {"word ",
                                        "> quoted\r\n",
                                        "wrote:\r\n",
                                        "\r\n\r\n",
                                        "&amp;",
                                        "&#228;x",
                                        "<b>",
                                        "</b>",
                                        "<style>a b",
                                        "</style>",
                                        "<!-- ",
                                        " -->",
                                        "\xC3\xA4\xE2\x82\xAC",
                                        "\t \t",
                                        "longwordwithoutanyblankinit"};
  std::string text;
  while (text.size() < 20000) {
    seed = seed * 1664525 + 1013904223;
    text += kPieces[(seed >> 16) % std::size(kPieces)];
  }
  return text;
}
}  // namespace

TEST_CASE("a preview that is found in the first bytes is the one that all bytes give") {
  for (const std::string type : {"plain", "html"})
    for (unsigned seed = 0; seed < 60; ++seed)
      for (const std::string charset : {"; charset=utf-8", ""}) {
        const auto message = "Content-Type: text/" + type + charset + "\r\n\r\n" +
                             (seed % 3 == 0 ? std::string(seed * 40, '>') + "\r\n" : "") + random_text(seed);
        const auto mime = parse_mime(message);
        INFO(type << charset << ' ' << seed);
        CHECK(preview_text(mime) == shortened(preview_text(mime, 100000), 200));
      }
  const auto late = std::string(3000, ' ') + "<style>" + std::string(30000, 'x') + "</style>late";
  CHECK(preview_text(parse_mime("Content-Type: text/html\r\n\r\n" + late)) == "late");
  CHECK(preview_text(parse_mime("\r\n" + std::string(70000, 'x'))) == std::string(200, 'x'));
}
