// CHARSET-CONVERSION: what is asked for, and what becomes of messages.
#include "mta/form/reformat.h"

#include <catch2/catch.hpp>
#include <map>

#include "common/base/strings.h"
#include "common/mail/header.h"
#include "common/mail/transfer_coding.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

struct Made {
  std::string message;
  std::vector<std::string> notes;
  std::size_t asked = 0;
};

Made made(std::string_view order, const std::string& message,
          const std::map<std::string, std::string>& answers = {}, const Conversions* conversions = nullptr) {
  Made made;
  form::ReformatTools tools;
  tools.facts = {"tcp_local", "ims-ms", {}, ""};
  tools.conversions = conversions;
  tools.note = [&](const std::string& part, std::string_view why) {
    made.notes.push_back(part + ": " + std::string(why));
  };
  tools.change = [&](std::string_view charset) -> Result<mail::CharsetChange> {
    ++made.asked;
    const auto found = answers.find(to_lower(charset));
    return found == answers.end() ? mail::CharsetChange() : parse_charset_change(found->second);
  };
  auto result = form::reformat(message, parse_reformat(order), tools);
  REQUIRE(result);
  made.message = std::move(*result);
  return made;
}

std::string text_message(const std::string& charset, const std::string& encoding, const std::string& body) {
  return "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=" + charset +
         "; format=fixed\r\nContent-Transfer-Encoding: " + encoding + "\r\nContent-MD5: old\r\n\r\n" + body;
}

// The leaves: "type/subtype: decoded body".
std::vector<std::string> leaves(const std::string& message) {
  const auto mime = mail::parse_mime(message);
  std::vector<std::string> out;
  for (const auto& part : mime.parts)
    if (part.kind == mail::MimePart::Kind::leaf)
      out.push_back(std::string(part.type) + "/" + std::string(part.subtype) + ": " +
                    mail::decoded_part(mime, part).bytes);
  return out;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("the answers of CHARSET-CONVERSION") {
  CHECK_FALSE(parse_reformat("").wanted);
  CHECK_FALSE(parse_reformat("No").wanted);
  CHECK_FALSE(parse_reformat("Yes,No").wanted);
  CHECK(parse_reformat(" yes ").wanted);
  const auto all = parse_reformat("Always,LEVEL,top,Base64,Record,Text=72");
  CHECK((all.wanted && all.always && all.level && all.columns == 72));
  CHECK(all.inner == Reformat::Inner::top);
  CHECK(all.coding == Reformat::Coding::base64);
  CHECK(parse_reformat("Record,Text").columns == 80);
  Strings unknown;
  CHECK(parse_reformat("Yes,Binhex,Text=5", &unknown).wanted);
  CHECK(unknown == Strings{"Binhex", "Text=5"});
  const auto change = parse_charset_change("OUT-CHARSET=utf-8;RELABEL-ONLY=1");
  CHECK((change.to == "utf-8" && change.relabel_only));
  CHECK_FALSE(parse_charset_change("out-charset=utf-8, relabel-only=0").relabel_only);
  CHECK(parse_charset_change("utf-8").to.empty());
  CHECK(parse_charset_change("OUT-CHARSET=utf 8").to.empty());
  CHECK(parse_charset_change("OUT-CHARSET=x\r\nBcc: y").to.empty());
}

TEST_CASE("rows that do nothing are told of") {
  SourceSet sources;
  sources.set_file(
      "mappings",
      "CHARSET-CONVERSION\n\n  IN-CHAN=a;OUT-CHAN=*;CONVERT  Yes,Binhex\n"
      "  IN-CHAN=a;OUT-CHAN=*;IN-CHARSET=x  OUT-CHARSET=no-such\n"
      "  IN-CHAN=a;OUT-CHAN=*;IN-CHARSET=y  OUT-CHARSET=no-such,RELABEL-ONLY=1\n"
      "  IN-CHAN=a;OUT-CHAN=*;IN-CHARSET=z  utf-8\n  IN-CHAN=*;OUT-CHAN=*;IN-CHARSET=*  OUT-CHARSET=$2\n");
  Strings errors, warnings;
  const auto mappings = Mappings::parse(sources, "mappings", errors);
  REQUIRE(errors.empty());
  check_charset_conversion(*mappings.table(OwnTable::charset_conversion), warnings);
  REQUIRE(warnings.size() == 3);
  CHECK(warnings[0] ==
        "mappings:3: CHARSET-CONVERSION: \"Binhex\" is nothing that can be done to a message here");
  CHECK(warnings[1].find("charset \"no-such\" is not known") != std::string::npos);
  CHECK(warnings[2].find("OUT-CHARSET=name is expected, not \"utf-8\"") != std::string::npos);
}

TEST_CASE("text gets another charset, in an encoding that carries it") {
  const std::map<std::string, std::string> to_utf8 = {{"iso-8859-1", "OUT-CHARSET=utf-8"}};
  struct Case {
    std::string charset, encoding, body, becomes, label, new_encoding;
    std::map<std::string, std::string> answers;
  };
  const Case cases[] = {
      {"iso-8859-1", "8bit", "gr\xfc\xdf dich\r\n", "gr\xc3\xbc\xc3\x9f dich\r\n", "utf-8", "8bit", to_utf8},
      {"\"ISO-8859-1\"", "quoted-printable", "gr=FC=DF dich\r\n", "gr\xc3\xbc\xc3\x9f dich\r\n", "utf-8",
       "quoted-printable", to_utf8},
      {"iso-8859-1", "base64", "Z3L8Cg==\r\n", "gr\xc3\xbc\r\n", "utf-8", "base64", to_utf8},
      {"iso-8859-1", "7bit", "plain\r\n", "plain\r\n", "utf-8", "7bit", to_utf8},
      {"utf-8",
       "8bit",
       "\xe6\x97\xa5\xe6\x9c\xac\r\n",
       "\x1b$BF|K\\\x1b(B\r\n",
       "iso-2022-jp",
       "7bit",
       {{"utf-8", "OUT-CHARSET=iso-2022-jp"}}},
      {"utf-8",
       "8bit",
       "a\r\n",
       std::string("\0a\0\r\0\n", 6),
       "utf-16be",
       "base64",
       {{"utf-8", "OUT-CHARSET=utf-16be"}}},
  };
  for (const auto& each : cases) {
    INFO(each.charset << " " << each.encoding);
    const auto out = made("Yes", text_message(each.charset, each.encoding, each.body), each.answers);
    CHECK(out.notes == Strings());
    const auto mime = mail::parse_mime(out.message);
    CHECK(mail::parse_parameters(mime.root().content_type).get("charset") == each.label);
    CHECK(mail::parse_parameters(mime.root().content_type).get("format") == "fixed");
    CHECK(mime.header.value("Content-Transfer-Encoding") == each.new_encoding);
    CHECK_FALSE(mime.header.value("Content-MD5"));
    CHECK(mail::decoded_part(mime, mime.root()).bytes == each.becomes);
  }
}

TEST_CASE("what cannot be had in the other charset stays, and a note tells why") {
  struct Case {
    std::string charset, encoding, body, answer, note;
  };
  const Case cases[] = {
      {"utf-8", "8bit", "\xe6\x97\xa5\r\n", "OUT-CHARSET=iso-8859-1",
       "characters that the other charset lacks"},
      {"utf-8", "8bit", "\xff\xfe\r\n", "OUT-CHARSET=iso-8859-1", "bytes are not of its charset"},
      {"x-no-such", "8bit", "\xff\r\n", "OUT-CHARSET=utf-8", "one of the charsets is not known"},
      {"utf-8", "8bit", "a\r\n", "OUT-CHARSET=x-no-such", "one of the charsets is not known"},
      {"utf-8", "x-odd", "a\r\n", "OUT-CHARSET=utf-16", "its encoding is not known"},
  };
  for (const auto& each : cases) {
    INFO(each.charset << " " << each.answer);
    const auto message = text_message(each.charset, each.encoding, each.body);
    const auto out = made("Yes", message, {{each.charset, each.answer}});
    CHECK(out.message == message);
    REQUIRE(out.notes.size() == 1);
    CHECK(out.notes[0].find(each.note) != std::string::npos);
  }
  // Nobody asked about these.
  for (const std::string charset : {"utf-8", "\"a;b\"", "\"\"", "iso-8859-1*x"}) {
    const auto message = text_message(charset, "8bit", "\xc3\xa4\r\n");
    const auto out = made("Yes", message, {{"us-ascii", "OUT-CHARSET=utf-8"}});
    CHECK(out.message == message);
  }
}

TEST_CASE("a label is changed and the bytes stay") {
  const auto out = made("Yes", text_message("8859-1", "8bit", "\xfc\r\n"),
                        {{"8859-1", "OUT-CHARSET=ISO-8859-1,RELABEL-ONLY=1"}});
  CHECK(out.message.find("charset=ISO-8859-1") != std::string::npos);
  CHECK(out.message.ends_with("\r\n\r\n\xfc\r\n"));
  CHECK(out.message.find("Content-MD5: old") != std::string::npos);
}

TEST_CASE("parts without a charset are ASCII; signed ones are not touched") {
  const std::map<std::string, std::string> answers = {{"us-ascii", "OUT-CHARSET=utf-8"}};
  CHECK(made("Yes", "Subject: s\r\n\r\nx\r\n", answers).message.find("text/plain; charset=utf-8") !=
        std::string::npos);
  const std::string sealed =
      "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: "
      "application/pgp-signature\r\n\r\ny\r\n--b--\r\n";
  CHECK(made("Yes,Level,Top,Base64,Record,Text", sealed, answers).message == sealed);
}

TEST_CASE("encoded words follow their charset") {
  const std::map<std::string, std::string> answers = {{"iso-8859-1", "OUT-CHARSET=utf-8"},
                                                      {"utf-8", "OUT-CHARSET=iso-2022-jp"},
                                                      {"8859-1", "OUT-CHARSET=iso-8859-1,RELABEL-ONLY=1"}};
  const auto header = [&](const std::string& field) {
    const auto out = made("Yes", field + "\r\nContent-Type: image/x\r\n\r\nx\r\n", answers);
    return out.message.substr(0, out.message.find("\r\nContent-Type"));
  };
  CHECK(header("Subject: a =?iso-8859-1?Q?gr=FC?= b") == "Subject: a =?UTF-8?Q?gr=C3=BC?= b");
  CHECK(header("From: =?iso-8859-1?Q?M=FCller=2C?= =?iso-8859-1?Q?_Jo?= <a@b>") ==
        "From: =?UTF-8?B?TcO8bGxlciwgSm8=?= <a@b>");
  CHECK(header("Subject: =?8859-1*de?q?=FC?=") == "Subject: =?iso-8859-1*de?q?=FC?=");
  CHECK(header("X-Other: =?iso-8859-1?Q?gr=FC?=") == "X-Other: =?iso-8859-1?Q?gr=FC?=");
  CHECK(header("Subject: =?utf-8?Q?=E2=82=AC=F0=9F=98=80?=") == "Subject: =?utf-8?Q?=E2=82=AC=F0=9F=98=80?=");
  // Words with escapes are each whole: the next one begins anew.
  CHECK(made("Yes", "Subject: =?iso-2022-jp?B?GyRCRnwbKEI=?= =?iso-2022-jp?B?GyRCS1wbKEI=?=\r\n\r\nx\r\n",
             {{"iso-2022-jp", "OUT-CHARSET=utf-8"}})
            .message.starts_with("Subject: =?UTF-8?B?5pel5pys?=\r\n"));
  std::string japanese;
  for (int i = 0; i < 60; ++i) japanese += "=E6=97=A5";
  const auto folded = header("Subject: =?utf-8?Q?" + japanese + "?=");
  CHECK(mail::decoded_text(folded.substr(9)).size() == 180);
  for (const auto line : split(folded, '\n')) CHECK(line.size() <= 90);
}

TEST_CASE("multiparts of one part go") {
  const auto out = made("Level",
                        "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"
                        "--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\npreamble\r\n--b\r\n"
                        "Content-Type: text/html\r\n\r\n<p>\r\n--b--\r\n--a--\r\n");
  CHECK(out.message == "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>\r\n");
  const auto inner =
      made("Level",
           "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; "
           "boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n--a\r\n\r\ntwo\r\n--a--\r\n");
  CHECK(inner.message ==
        "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\none\r\n--a\r\n\r\ntwo\r\n--a--\r\n");
}

TEST_CASE("messages inside become text") {
  const std::string message =
      "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nsee\r\n--a\r\nContent-Type: "
      "message/rfc822\r\n\r\n"
      "From: x@y\r\nContent-Type: text/html\r\n\r\n<p>\r\n--a--\r\n";
  CHECK(leaves(made("Top", message).message) ==
        Strings{"text/plain: see", "text/plain: From: x@y", "text/html: <p>"});
  CHECK(leaves(made("Bottom", message).message) ==
        Strings{"text/plain: see", "text/html: <p>", "text/plain: From: x@y"});
  CHECK(leaves(made("Delete", message).message) == Strings{"text/plain: see", "text/html: <p>"});
  const std::string alone = "Subject: s\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@y\r\n\r\nbody\r\n";
  CHECK(leaves(made("Top", alone).message) == Strings{"text/plain: From: x@y", "text/plain: body\r\n"});
  CHECK(made("Delete", alone).message == "Subject: s\r\nContent-Type: text/plain\r\n\r\nbody\r\n");
  const std::string report =
      "Content-Type: multipart/report; boundary=a\r\n\r\n--a\r\n\r\nwhy\r\n--a\r\nContent-Type: "
      "message/rfc822\r\n\r\n"
      "From: x@y\r\n\r\nbody\r\n--a--\r\n";
  CHECK(made("Top", report).message == report);
}

TEST_CASE("lines of plain text are wrapped at blanks") {
  const auto body = [](const std::string& text, const std::string& charset = "utf-8") {
    const auto out = made("Record,Text=20", text_message(charset, "8bit", text));
    return out.message.substr(out.message.find("\r\n\r\n") + 4);
  };
  CHECK(body("one two three four five six seven\r\nx\r\n") ==
        "one two three four\r\nfive six seven\r\nx\r\n");
  CHECK(body(std::string(30, 'x') + " y\r\n") == std::string(30, 'x') + "\r\ny\r\n");
  CHECK(body("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4 \xc3\xa4\xc3\xa4 x\r\n")
            .find("\r\n") == 23);  // eight, a blank, two, a blank and one: 13 characters
}

TEST_CASE("encodings of parts") {
  const std::string text = text_message("utf-8", "quoted-printable", "=C3=A4 b\r\n");
  const auto base64 = made("Base64", text).message;
  CHECK(base64.find("Content-Transfer-Encoding: base64\r\n\r\nw6QgYg0K") != std::string::npos);
  const auto uu = made("Uuencode", base64).message;
  CHECK(uu.find("Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 part\r\n") != std::string::npos);
  CHECK(leaves(made("Quoted-Printable", uu).message) == Strings{"text/plain: \xc3\xa4 b\r\n"});
  CHECK(made("Base64", text_message("utf-8", "8bit", "x\r\n")).message ==
        text_message("utf-8", "8bit", "x\r\n"));
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 37 + size);
    CHECK(form::decode_uuencoded(form::encode_uuencoded(bytes, "n")) == bytes);
  }
  CHECK_FALSE(form::decode_uuencoded("text\r\nbegin 644 x\r\n`\r\nend\r\n"));
}

TEST_CASE("relabel=1 says better what a part is") {
  SourceSet sources;
  sources.set_file(
      "conversions",
      "in-type=application; in-subtype=octet-stream; in-parameter-name-0=name; in-parameter-value-0=*.ps;\n"
      "  out-type=application; out-subtype=postscript; parameter-copy-0=*; relabel=1\n");
  Strings errors, warnings;
  const auto conversions = Conversions::parse(sources, "conversions", errors, warnings);
  REQUIRE((errors.empty() && warnings.empty()));
  const auto out =
      made("Yes", "Content-Type: application/octet-stream; name=\"a.ps\"\r\n\r\nx\r\n", {}, &conversions);
  CHECK(out.message.find("Content-Type: application/postscript; name=a.ps\r\n") != std::string::npos);
  CHECK(out.message.ends_with("\r\n\r\nx\r\n"));
  const auto mime = mail::parse_mime(out.message);
  CHECK(form::entry_for(conversions, {}, form::parts_of(mime)[0]) == nullptr);
}

TEST_CASE("hostile messages: the cost is bounded, the mapping is asked a few times") {
  std::string many = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 9000; ++i)
    many += "--b\r\nContent-Type: text/plain; charset=x" + std::to_string(i) + "\r\n\r\n=?y" +
            std::to_string(i) + "?Q?x?=\r\n";
  const auto out = made("Yes", many);
  CHECK(out.message == many);
  CHECK(out.asked == 50);
  // Each byte becomes six: past the room that a message has to grow, parts stay.
  std::string grows = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 40; ++i)
    grows +=
        "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n" + std::string(100'000, '\xfc') + "\r\n";
  const auto grown = made("Yes,Level,Top,Base64,Record,Text", grows, {{"iso-8859-1", "OUT-CHARSET=utf-32"}});
  CHECK(grown.message.size() < 2 * grows.size() + (2 << 20));
  CHECK_FALSE(grown.notes.empty());
  unsigned state = 3;
  const auto random = [&] { return state = state * 1103515245 + 12345, state >> 8; };
  const std::string seed =
      "Subject: =?iso-8859-1?Q?gr=FC?= =?utf-8?B?w6Q=?=\r\nContent-Type: multipart/mixed; "
      "boundary=a\r\n\r\n--a\r\n"
      "Content-Type: message/rfc822\r\n\r\nFrom: x\r\nContent-Type: multipart/mixed; "
      "boundary=b\r\n\r\n--b\r\n"
      "Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n#86)C\r\n`\r\nend\r\n--b--\r\n--a--\r\n";
  const std::map<std::string, std::string> answers = {{"iso-8859-1", "OUT-CHARSET=utf-8"},
                                                      {"utf-8", "OUT-CHARSET=iso-2022-jp"},
                                                      {"us-ascii", "OUT-CHARSET=utf-16"}};
  for (int round = 0; round < 300; ++round) {
    auto text = seed;
    for (int i = 0; i < 4; ++i) text[random() % text.size()] = static_cast<char>(random());
    for (const auto* order :
         {"Level,Top", "Bottom,Base64", "Delete,Quoted-Printable,Record,Text=20", "Uuencode"})
      CHECK(made(order, text, answers).message.size() < 20 * text.size() + 4000);
  }
}
