#include <catch2/catch.hpp>

#include "channels/conversion/edition.h"
#include "channels/conversion/options_file.h"
#include "channels/conversion/shell_command.h"
#include "common/base/file.h"
#include "common/base/random.h"
#include "common/mail/transfer_coding.h"
#include "mta/form/conversion_part.h"
#include "mta/form/wire_body.h"

using namespace waxwing;
using namespace waxwing::channels;
using namespace waxwing::mta::form;

namespace {

const std::string kMessage =
    "Subject: =?utf-8?q?a_subject?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
    "boundary=outer\r\n\r\n"
    "preamble\r\n--outer\r\n\r\nfirst\r\n"
    "--outer\r\nContent-Type: application/x-thing; name=\"a b.exe\"\r\n"
    "Content-Disposition: attachment; filename=c.exe\r\nContent-Description: a thing\r\n\r\nsecond\r\n"
    "--outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n"
    "Content-Type: multipart/alternative; boundary=inner\r\n\r\n"
    "--inner\r\n\r\nthird\r\n--inner\r\nContent-Type: text/html\r\n\r\nfourth\r\n--inner--\r\n"
    "--outer--\r\nepilogue\r\n";

mta::Conversions conversions(const std::string& text) {
  mta::SourceSet sources;
  sources.set_file("conversions", text);
  std::vector<std::string> errors, warnings;
  auto result = mta::Conversions::parse(sources, "conversions", errors, warnings);
  REQUIRE(errors.empty());
  return result;
}

// Which of the parts, by number, some entry is for.
std::string picked(const std::string& entry,
                   const MessageFacts& facts = {"tcp_local", "ims-ms", {"a", "b"}, "subject"}) {
  const auto mime = mail::parse_mime(kMessage);
  const auto table = conversions(entry + "; command=x");
  std::string out;
  for (const auto& part : parts_of(mime))
    if (entry_for(table, facts, part) != nullptr) out += (out.empty() ? "" : " ") + part.number;
  return out;
}

std::string edited(const std::map<std::size_t, NewPart>& replaced, const std::set<std::size_t>& removed,
                   const std::string& message = kMessage) {
  auto edition = Edition::make(mail::parse_mime(message), replaced, removed);
  std::string out;
  for (;;) {
    const auto piece = edition.next(message);
    REQUIRE(piece);
    if (piece->empty()) return out;
    out += *piece;
  }
}

std::vector<std::string> leaves(const std::string& message) {
  const auto mime = mail::parse_mime(message);
  std::vector<std::string> out;
  for (const auto& part : mime.parts)
    if (part.kind == mail::MimePart::Kind::leaf) out.emplace_back(mime.body_of(part));
  return out;
}

}  // namespace

TEST_CASE("conversions: which parts an entry is for") {
  CHECK(picked("in-type=*") == "1 2 3.1 3.2");
  CHECK(picked("in-type=text") == "1 3.1 3.2");
  CHECK(picked("in-type=TEXT; in-subtype=ht*") == "3.2");
  CHECK(picked("in-parameter-name-0=name; in-parameter-value-0=*.exe") == "2");
  CHECK(picked("in-parameter-name-0=name; in-parameter-value-0=*.txt").empty());
  CHECK(picked("in-parameter-name-0=name; in-parameter-value-0=*.txt; in-parameter-default-0=x.txt") ==
        "1 2 3.1 3.2");
  CHECK(picked("in-dparameter-name-3=filename; in-disposition=attachment") == "2");
  CHECK(picked("in-description=a thing") == "2");
  CHECK(picked("part-number=3.*") == "3.1 3.2");
  CHECK(picked("attachment-number=2") == "2");
  CHECK(picked("in-subject=sub*; in-chan=tcp_*; out-chan=ims-ms; in-type=application") == "2");
  CHECK(picked("in-chan=tcp_auth").empty());
  CHECK(picked("tag=b; part-number=1") == "1");
  CHECK(picked("tag=c; part-number=1").empty());
}

TEST_CASE("conversions: the parameter that a symbol stands for") {
  const auto mime = mail::parse_mime(kMessage);
  const auto part = parts_of(mime)[1];
  const auto table = conversions("command=x; in-parameter-name-0=na*; in-parameter-default-1=d");
  const auto& entry = table.entries()[0];
  CHECK(picked_parameter(entry, "in-parameter", 0, part.content_type, "OTHER") == "a b.exe");
  CHECK(picked_parameter(entry, "in-parameter", 2, part.content_type, "NAME") == "a b.exe");
  CHECK(picked_parameter(entry, "in-parameter", 1, part.content_type, "NONE") == "d");
  CHECK(picked_parameter(entry, "in-dparameter", 0, part.content_disposition, "FILENAME") == "c.exe");
}

TEST_CASE("conversions: a message with parts replaced and taken out") {
  CHECK(edited({}, {}) == kMessage);
  const auto file = "/tmp/waxwing-edition-" + unique_id();
  REQUIRE(replace_file(file, "new text"));
  using Leaves = std::vector<std::string>;
  CHECK(leaves(edited({{2, {"Content-Type: text/x\r\n\r\n", file}}}, {})) ==
        Leaves{"first", "new text", "third", "fourth"});
  CHECK(leaves(edited({}, {1})) == Leaves{"second", "third", "fourth"});
  CHECK(leaves(edited({}, {2})) == Leaves{"first", "third", "fourth"});
  CHECK(leaves(edited({}, {1, 2})) == Leaves{"third", "fourth"});
  CHECK(leaves(edited({{1, {"\r\n", file}}}, {2})) == Leaves{"new text", "third", "fourth"});
  const auto mime = mail::parse_mime(kMessage);
  const auto parts = parts_of(mime);
  CHECK(leaves(edited({}, {parts[3].index})) == Leaves{"first", "second", "third"});
  CHECK(leaves(edited({}, {parts[2].index, parts[3].index})) == Leaves{"first", "second", ""});
  const std::string single =
      "Subject: x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n";
  CHECK(edited({}, {0}, single) == "Subject: x\r\nContent-Type: text/plain\r\n\r\n");
  (void)remove_tree(file);
}

TEST_CASE("conversions: results in the encoding they need") {
  CHECK(wire_body("a\nb\r\n", true, "", {}).bytes == "a\r\nb\r\n");
  CHECK(wire_body("a\n", true, "", {}).encoding == "7bit");
  CHECK(wire_body("\xc3\xa4\n", true, "", {}).encoding == "quoted-printable");
  CHECK(wire_body("\xc3\xa4\n", true, "7bit", {}).encoding == "quoted-printable");
  CHECK(wire_body("\xc3\xa4\n", true, "8bit", {}).encoding == "8bit");
  CHECK(wire_body("a\n", true, "quoted-printable", {}).encoding == "quoted-printable");
  CHECK(wire_body(std::string(2000, 'x'), true, "8bit", {}).encoding == "quoted-printable");
  CHECK(wire_body(std::string("a\0b", 3), false, "7bit", {}).encoding == "base64");
  CHECK(wire_body("abc", false, "", {}).bytes == "YWJj");
  CHECK(wire_body("x\n--outer--\n", true, "", {"outer"}).encoding == "base64");
  CHECK(wire_body("x --outer\n", true, "", {"outer"}).encoding == "7bit");
  const std::string odd = "a\rb\n\xff\n--b\n" + std::string(3000, 'y');
  const auto body = wire_body(odd, false, "none", {"b"});
  CHECK(mail::decode_base64(body.bytes).bytes == odd);
}

TEST_CASE("conversions: a value in a command is one word, whatever is in it") {
  CHECK(shell_command("/bin/x 'INPUT_FILE' 'a b' 'N1'") == "/bin/x \"$INPUT_FILE\" 'a b' \"$N1\"");
  CHECK(shell_command("echo '") == "echo '");
  CHECK(shell_command("echo '' '1A'") == "echo '' '1A'");
}

TEST_CASE("conversions: what a command says of its result") {
  const auto got =
      parse_part_options("OUTPUT_TYPE=text\n# x\n\nOUTPUT_DIAGNOSTIC='a virus'\nSTATUS=PMDF__FORCERETURN\n");
  REQUIRE(got);
  CHECK(got->type == "text");
  CHECK(got->diagnostic == "a virus");
  CHECK(got->status == PartStatus::returned);
  CHECK(parse_part_options("STATUS=\"forcehold\"")->status == PartStatus::held);
  CHECK(parse_part_options("STATUS=0")->status == PartStatus::done);
  CHECK(parse_part_options("")->status == PartStatus::done);
  for (const char* bad : {"STATUS=1", "STATUS", "OUTPUT_TYP=x", "noise"}) {
    INFO(bad);
    const auto wrong = parse_part_options(bad);
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().text.find("OUTPUT_OPTIONS:1") != std::string::npos);
  }
}
