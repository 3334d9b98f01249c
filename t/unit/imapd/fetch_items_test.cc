#include "imapd/parse/fetch_items.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::imap;

namespace {
// The request again, in one spelling; "bad" when refused.
std::string echoed(std::string_view text) {
  Scanner in(text);
  const auto request = parse_fetch(in);
  if (!request || !in.end()) return "bad";
  static constexpr const char* names[] = {"BODY",    "BODYSTRUCTURE", "ENVELOPE", "FLAGS",     "INTERNALDATE",
                                          "SIZE",    "UID",           "MODSEQ",   "EMAILID",   "THREADID",
                                          "section", "old",           "binary",   "binarysize"};
  std::string out;
  for (const auto& item : request->items) {
    if (!out.empty()) out += ' ';
    out += names[static_cast<int>(item.kind)];
    if (item.kind >= FetchKind::section) out += "[" + mail::format_section(item.section) + "]";
    if (item.peek) out += ".PEEK";
    if (item.partial)
      out += "<" + std::to_string(item.partial->offset) + "." + std::to_string(item.partial->count) + ">";
  }
  if (request->changed_since) out += " since " + std::to_string(*request->changed_since);
  return out;
}
}  // namespace

TEST_CASE("FETCH items") {
  struct Row {
    const char* text;
    const char* expected;
  };
  const Row rows[] = {
      {"ALL", "FLAGS INTERNALDATE SIZE ENVELOPE"},
      {"fast", "FLAGS INTERNALDATE SIZE"},
      {"FULL", "FLAGS INTERNALDATE SIZE ENVELOPE BODY"},
      {"(UID flags)", "UID FLAGS"},
      {"BODY", "BODY"},
      {"BODY[]", "section[]"},
      {"BODY.PEEK[]<0.1024>", "section[].PEEK<0.1024>"},
      {"BODY[1.2.MIME]", "section[1.2.MIME]"},
      {"BODY[1]", "section[1]"},
      {"BODY[HEADER]", "section[HEADER]"},
      {"BODY[1.TEXT]", "section[1.TEXT]"},
      {"RFC822.HEADER", "old[HEADER].PEEK"},
      {"RFC822", "old[]"},
      {"BINARY.PEEK[1]<5.6>", "binary[1].PEEK<5.6>"},
      {"BINARY.SIZE[2.1]", "binarysize[2.1].PEEK"},
      {"(FLAGS) (CHANGEDSINCE 17)", "FLAGS since 17"},
      {"(EMAILID THREADID MODSEQ)", "EMAILID THREADID MODSEQ"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(echoed(row.text) == row.expected);
  }
}

TEST_CASE("header names, literals among them") {
  Scanner in("BODY.PEEK[HEADER.FIELDS (From {7}\r\nSubject \"To\")]");
  const auto request = parse_fetch(in);
  REQUIRE(request);
  CHECK(request->items[0].section.fields == std::vector<std::string>{"From", "Subject", "To"});
  CHECK_FALSE(request->sets_seen());
}

TEST_CASE("sections are written back as they may stand in an answer") {
  for (const char* good : {"", "1", "1.2.3", "HEADER", "1.TEXT", "1.2.MIME", "HEADER.FIELDS (A B)",
                           "3.HEADER.FIELDS.NOT (\"a(b\")", "HEADER.FIELDS (\"\")"}) {
    CAPTURE(good);
    CHECK(echoed("BODY[" + std::string(good) + "]") == "section[" + std::string(good) + "]");
  }
  CHECK(echoed("BODY[HEADER.FIELDS ({1}\r\na)]") == "section[HEADER.FIELDS (a)]");
}

TEST_CASE("FETCH items that are refused") {
  for (const char* bad :
       {"", "()", "FLAG", "(FLAGS", "BODY[", "BODY[1.]", "BODY[0]", "BODY[MIME]", "BODY[HEADER.FIELDS]",
        "BODY[HEADER.FIELDS ()]", "BODY[]<0.0>", "BODY[]<1>", "BODY[]<1.2", "(ALL FLAGS)", "BINARY[HEADER]",
        "BINARY.SIZE[1]<0.5>", "FLAGS (CHANGEDSINCE)", "FLAGS (OTHER 1)", "BODY[1..2]", "RFC822[]",
        "BODY[.1]", "BODY[01x]", "BODY[4294967296]", "BODY[FOO]", "BODY[1.FOO]", "BODY[TEXT.1]",
        "BODY[HEADER x]", "BODY[HEADER.FIELDS (a]", "BODY[HEADER.FIELDS (a  b)]", "BODY[HEADER.FIELDS (a )]",
        "BODY[HEADER.FIELDS (\"a)]",
        // Said again in the answer, it would be a line of its own.
        "BODY[HEADER.FIELDS ({8}\r\na\r\n* BYE)]", "BODY[HEADER.FIELDS (\"a b\")]", "(FLAGS  UID)"}) {
    CAPTURE(bad);
    CHECK(echoed(bad) == "bad");
  }
  std::string deep = "BODY[1";
  for (int i = 0; i < 200; ++i) deep += ".1";
  CHECK(echoed(deep + "]") == "bad");
  std::string many = "(UID";
  for (int i = 0; i < 300; ++i) many += " UID";
  CHECK(echoed(many + ")") == "bad");
}

TEST_CASE("what sets the seen flag and what needs the file") {
  const auto parsed = [](std::string_view text) {
    Scanner in(text);
    return *parse_fetch(in);
  };
  CHECK(parsed("BODY[]").sets_seen());
  CHECK(parsed("RFC822.TEXT").sets_seen());
  CHECK(parsed("BINARY[1]").sets_seen());
  CHECK_FALSE(parsed("RFC822.HEADER").sets_seen());
  CHECK_FALSE(parsed("BINARY.SIZE[1]").sets_seen());
  CHECK_FALSE(parsed("FULL").needs_message());
  CHECK(parsed("BODY.PEEK[1]").needs_message());
}
