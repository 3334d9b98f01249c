#include "imapd/parse/scanner.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using imap::Scanner;

TEST_CASE("strings in all their forms") {
  struct Row {
    const char* text;
    const char* value;
  };
  const Row rows[] = {{"atom rest", "atom"},
                      {"a]b", "a]b"},
                      {"\"quoted \\\"x\\\" \\\\\" rest", "quoted \"x\" \\"},
                      {"\"\"", ""},
                      {"{5}\r\nhello rest", "hello"},
                      {"{5+}\r\na\r\nbc", "a\r\nbc"},
                      {"{0}\r\n", ""},
                      {"{3}\nabc", "abc"},
                      {"\"\xC3\xA9\"", "\xC3\xA9"}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    Scanner in(row.text);
    const auto value = in.astring();
    REQUIRE(value);
    CHECK(*value == row.value);
  }
}

TEST_CASE("malformed strings are refused") {
  for (const char* bad :
       {"", " a", "(", "\"open", "\"a\\", "\"a\\n\"", "\"a\rb\"", "{5}\r\nhell", "{x}\r\nabc", "{5",
        "{5}hello", "{-1}\r\na", "{99999999999999999999999}\r\na", "{18446744073709551615}\r\na"}) {
    CAPTURE(bad);
    Scanner in(bad);
    CHECK_FALSE(in.astring());
  }
  using namespace std::string_literals;
  const auto nul = "{3}\r\na\0b"s;
  Scanner in(nul);
  CHECK_FALSE(in.astring());
}

TEST_CASE("numbers have their ranges") {
  CHECK(*Scanner("4294967295").number() == 4294967295U);
  CHECK_FALSE(Scanner("4294967296").number());
  CHECK_FALSE(Scanner("-1").number());
  CHECK_FALSE(Scanner("0").nz_number());
  CHECK(*Scanner("9223372036854775807").number64() == 9223372036854775807ULL);
  CHECK_FALSE(Scanner("9223372036854775808").number64());
}

TEST_CASE("words end where atoms end") {
  Scanner in("UIDS UID)");
  CHECK_FALSE(in.take_word("uid"));
  CHECK(in.take_word("uids"));
  CHECK(in.take(' '));
  CHECK(in.take_word("UID"));
  CHECK(in.expect(')'));
  CHECK(in.end());
}

TEST_CASE("NIL and one stray blank") {
  Scanner in("NIL ");
  const auto value = in.nstring();
  REQUIRE(value);
  CHECK_FALSE(*value);
  CHECK(in.end());
  CHECK_FALSE(Scanner("  ").end());
}
