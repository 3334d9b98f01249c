#include "common/mail/address.h"

#include <catch2/catch.hpp>
#include <random>

using namespace waxwing;
using namespace waxwing::mail;

namespace {

// name|route|local|domain per mailbox; {name and } for groups; a final ! when not well-formed.
std::string show(std::string_view value) {
  const auto list = parse_address_list(value);
  std::string out;
  for (const auto& a : list.items) {
    if (!out.empty()) out += ", ";
    if (a.kind == Address::Kind::group_start) {
      out += "{" + a.display_name;
    } else if (a.kind == Address::Kind::group_end) {
      out += "}";
    } else {
      out += a.display_name + "|" + a.route + "|" + a.spec.local_part + "|" + a.spec.domain;
    }
  }
  return out + (list.well_formed ? "" : "!");
}

struct Row {
  const char* in;
  const char* out;
};

}  // namespace

TEST_CASE("address lists") {
  const Row rows[] = {
      {"", ""},
      {" , ,", ""},
      {"a@b.c", "||a|b.c"},
      {"A B <a@b.c>", "A B||a|b.c"},
      {"\"A, \\\"B\\\"\" <a@b.c>", "A, \"B\"||a|b.c"},
      {"a@b.c (A B)", "A B||a|b.c"},
      {"(x) a . b (y) @ (z) c . d (A \\) (n) B)", "A ) (n) B||a.b|c.d"},
      {"\"a b\"@c.d", "||a b|c.d"},
      {"\"a\".\"b\"@c.d", "||a.b|c.d"},
      {"a@[192.0.2.1]", "||a|[192.0.2.1]"},
      {"X <@a.b,@c.d:e@f.g>", "X|@a.b,@c.d|e|f.g"},
      {"Friends: a@b.c, X <d@e.f>;, g@h.i", "{Friends, ||a|b.c, X||d|e.f, }, ||g|h.i"},
      {"undisclosed-recipients:;", "{undisclosed-recipients, }"},
      {"J. R. Smith <j@s.t>", "J. R. Smith||j|s.t"},
      {"=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_X?= <j@x.y>", "=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_X?=||j|x.y"},
      {"J\xC3\xB6rg <j\xC3\xB6rg@b\xC3\xBC.de>", "J\xC3\xB6rg||j\xC3\xB6rg|b\xC3\xBC.de"},
      {"A\r\n B\r\n\t<a@b.c>,\r\n d@e.f", "A B||a|b.c, ||d|e.f"},
      {"a@b.c <a@b.c>", "a@b.c||a|b.c"},
      {"postmaster", "||postmaster|"},
      {"<postmaster>, x@y", "||postmaster|, ||x|y"},
      // Damaged ones: what can be had is had, and noted.
      {"Name with no address, x@y.z", "||x|y.z!"},
      {"name x@y.z", "||x|y.z!"},
      {"x@y.z name, a@b", "||x|y.z, ||a|b!"},
      {"a@b@c, d@e", "||d|e!"},
      {"<>, d@e", "||d|e!"},
      {"a@b; d@e", "||a|b, ||d|e!"},
      {"X <a@b, Y <c@d>", "X||a|b, Y||c|d!"},
      {"\"unclosed <a@b>", "!"},
      {"(unclosed a@b", "!"},
      {"Group: a@b", "{Group, ||a|b, }!"},
      {"a..b@c", "||a..b|c!"},
      {"a@b> c@d", "!"},
      {"@b, c@d", "||c|d!"},
      {"a@, c@d", "||c|d!"},
      {"<a@b> <c@d>, e@f", "||a|b, ||e|f!"},
  };
  for (const auto& row : rows) {
    INFO(row.in);
    CHECK(show(row.in) == row.out);
  }
}

TEST_CASE("addr-specs tell where they stand") {
  const std::string value = "\"X\" <@r:a@b.c> (n), (q) d . e@f";
  const auto list = parse_address_list(value);
  REQUIRE(list.items.size() == 2);
  CHECK(value.substr(list.items[0].begin, list.items[0].end - list.items[0].begin) == "a@b.c");
  CHECK(value.substr(list.items[1].begin, list.items[1].end - list.items[1].begin) == "d . e@f");
  CHECK(list.items[0].angled);
  CHECK_FALSE(list.items[1].angled);
}

TEST_CASE("address lists survive any cut and any byte") {
  const std::string value = "G: \"A \\\"\" (c (d)) <@r,@s:\"l p\".x@[1.2.3.4]>, y@z (n);, =?x?q?y?= <q@w.e>";
  for (std::size_t i = 0; i <= value.size(); ++i) {
    parse_address_list(value.substr(0, i));
    parse_address_list(value.substr(i));
    for (int c = 0; c < 256; ++c) {
      auto bad = value;
      if (i < bad.size()) bad[i] = static_cast<char>(c);
      const auto list = parse_address_list(bad);
      for (const auto& a : list.items) REQUIRE((a.begin <= a.end && a.end <= bad.size()));
    }
  }
}

TEST_CASE("hostile address lists end soon and are bounded") {
  std::string many;
  for (const char* piece :
       {"(", "\"", "<", "@", "a@b,", ":", ";", "a:", "[", ".", "<@a,", "\\", "a ", "a@"}) {
    many.clear();
    while (many.size() < 300000) many += piece;
    CHECK(parse_address_list(many).items.size() <= AddressLimits{}.max_addresses);
  }
  std::string list;
  for (int i = 0; i < 1000; ++i) list += "a@b,";
  const auto cut = parse_address_list(list, {.max_addresses = 10});
  CHECK(cut.items.size() == 10);
  CHECK(cut.truncated);
}

TEST_CASE("exactly one address") {
  CHECK(parse_addr_spec("a@b.c")->text() == "a@b.c");
  CHECK(parse_addr_spec(" <a@b.c> ")->text() == "a@b.c");
  CHECK(parse_addr_spec("\"a b\"@c")->text() == "\"a b\"@c");
  CHECK(parse_addr_spec("postmaster")->text() == "postmaster");
  CHECK(parse_addr_spec("a@b (comment)")->text() == "a@b");
  for (const char* bad :
       {"", "a@b,c@d", "N <a@b>", "a b@c", "a@b@c", "g:a@b;", "a@", "@b", "\"\"@b", "a..b@c"}) {
    INFO(bad);
    CHECK_FALSE(parse_addr_spec(bad));
  }
}

// Dot-atoms at both sides take a short way; what is on it must be read as the grammar of lists reads it.
TEST_CASE("parse_addr_spec agrees with parse_address_list") {
  std::mt19937 random(4711);
  const std::string_view pieces[] = {"a", "Bc", "9",  "-",    "_", "+",  "%",  "!", "@",
                                     "@", ".",  "=?", "\x80", "=", "'",  "#",  " ", ",",
                                     ":", "<",  ">",  "(",    ")", "\"", "\\", "[", "]"};
  for (int round = 0; round < 20000; ++round) {
    // Most without the pieces from the blank on, which take the long way anyway.
    const auto choice = std::size(pieces) - (round % 4 ? 11 : 0);
    std::string text;
    for (auto count = 1 + random() % 8; count > 0; --count) text += pieces[random() % choice];
    const auto list = parse_address_list(text, {.max_addresses = 2});
    const bool one = list.well_formed && !list.truncated && list.items.size() == 1 &&
                     !(list.items[0].angled && !list.items[0].display_name.empty()) &&
                     !list.items[0].spec.local_part.empty();
    const auto spec = parse_addr_spec(text);
    CAPTURE(text);
    REQUIRE(spec.has_value() == one);
    if (one) REQUIRE(*spec == list.items[0].spec);
  }
}

TEST_CASE("a domain literal keeps its backslashes: it ends where it ended") {
  const auto spec = parse_addr_spec("x@[a\\]b]");
  REQUIRE(spec);
  CHECK(spec->domain == "[a\\]b]");
  CHECK(parse_address_list(spec->text()).items.size() == 1);
  // That of a line end, which is left out, is none of the byte behind.
  CHECK(parse_address_list("<x@[a\\\n]>").items.at(0).spec.domain == "[a]");
}

TEST_CASE("addresses are quoted where they need it") {
  CHECK(format_addr_spec("a.b+c", "d") == "a.b+c@d");
  CHECK(format_addr_spec("a b", "d") == "\"a b\"@d");
  CHECK(format_addr_spec("a\"\\", "d") == "\"a\\\"\\\\\"@d");
  CHECK(format_addr_spec(".a", "d") == "\".a\"@d");
  CHECK(format_addr_spec("", "") == "");
  CHECK(format_phrase("J Smith") == "J Smith");
  CHECK(format_phrase("J. Smith") == "\"J. Smith\"");
  CHECK(format_phrase("a\r\nBcc: x") == "\"a  Bcc: x\"");
  CHECK(format_phrase("J\xC3\xBCrgen Smith") == "=?UTF-8?Q?J=C3=BCrgen_Smith?=");
  for (const char* text : {"a@b.c", "\"a b\"@c", "\"a\\\\b\"@c", "\"a@b\"@c"})
    CHECK(parse_addr_spec(text)->text() == text);
}

TEST_CASE("SMTP paths are strict") {
  const auto show_path = [](std::string_view text, SmtpPathOptions options = {}) -> std::string {
    const auto path = parse_smtp_path(text, options);
    if (!path) return "error";
    return path->spec.text() + " " + std::to_string(path->consumed) +
           (path->route.empty() ? "" : " " + path->route);
  };
  CHECK(show_path("<a@b.c>") == "a@b.c 7");
  CHECK(show_path("<a@b.c> SIZE=1") == "a@b.c 7");
  CHECK(show_path("<\"a b\\\"\"@b.c>") == "\"a b\\\"\"@b.c 13");
  CHECK(show_path("<@x.y,@z:a@b.c>") == "a@b.c 15 @x.y,@z");
  CHECK(show_path("<Postmaster>") == "Postmaster 12");
  CHECK(show_path("<a@[192.0.2.1]>") == "a@[192.0.2.1] 15");
  CHECK(show_path("<a@[IPv6:2001:db8::1]>") == "a@[IPv6:2001:db8::1] 22");
  CHECK(show_path("<a_b@under_score.example>") == "a_b@under_score.example 25");
  CHECK(show_path("<>", {.null_path = true}) == " 2");
  CHECK(show_path("<user>", {.bare_local_part = true}) == "user 6");
  CHECK(show_path("<\"\">", {.null_path = true, .bare_local_part = true}) == "error");
  CHECK(show_path("a@b.c SIZE=1", {.loose_brackets = true}) == "a@b.c 5");
  CHECK(show_path("<j\xC3\xB6@b\xC3\xBC.de>", {.utf8 = true}) == "j\xC3\xB6@b\xC3\xBC.de 12");
  for (const char* bad : {"",
                          "<",
                          "<>",
                          "a@b.c",
                          "<a>",
                          "<a@>",
                          "<@b>",
                          "<a@b.c",
                          "<a@b.c>x",
                          "< a@b.c>",
                          "<a b@c>",
                          "<a@b c>",
                          "<.a@b>",
                          "<a.@b>",
                          "<a..b@c>",
                          "<a@b..c>",
                          "<a@b.>",
                          "<a@-b>",
                          "<a@b->",
                          "<a@[1.2.3]>",
                          "<a@[1.2.3.4>",
                          "<a@[IPv6:zz]>",
                          "<\"a@b>",
                          "<\"a\"b@c>",
                          "<a@b@c>",
                          "<a(c)@b>",
                          "<@x:>",
                          "<@x a@b>",
                          "<j\xC3\xB6@b>",
                          "<a@b\xC3\xBC>",
                          "<\"\x01\"@b>",
                          "<\"\r\n\"@b>",
                          "<a\x7F@b>",
                          "<a,b@c>"}) {
    INFO(bad);
    CHECK(show_path(bad) == "error");
  }
  CHECK(show_path("<\xFF@b>", {.utf8 = true}) == "error");
  CHECK(show_path("<" + std::string(65, 'a') + "@b>") == "error");
  CHECK(show_path("<a@" + std::string(64, 'b') + ">") == "error");
  const std::string with_nul("<a\0b@c>", 7);
  CHECK(show_path(with_nul) == "error");
}

TEST_CASE("xtext round-trips and is strict") {
  CHECK(decode_xtext("a+2Bb+3D") == "a+b=");
  CHECK(encode_xtext("a+b= \xC3") == "a+2Bb+3D+20+C3");
  for (const char* bad : {"+", "+2", "+2b", "+GG", "a=b", "a b", "\x80"}) CHECK_FALSE(decode_xtext(bad));
}
