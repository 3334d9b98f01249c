#include "imapd/parse/mailbox_name.h"
#include "imapd/parse/name_pattern.h"

#include <catch2/catch.hpp>

using namespace waxwing::imap;

TEST_CASE("names come to one spelling") {
  CHECK(*mailbox_name("inbox", false) == "INBOX");
  CHECK(*mailbox_name("iNbOx/Sub", false) == "INBOX/Sub");
  CHECK(*mailbox_name("Inboxes", false) == "Inboxes");
  CHECK(*mailbox_name("Entw&APw-rfe", false) == "Entw\xC3\xBCrfe");
  CHECK(*mailbox_name("A&-B", false) == "A&B");
  CHECK(*mailbox_name("Entw\xC3\xBCrfe", true) == "Entw\xC3\xBCrfe");
  CHECK(*mailbox_name("A&-B", true) == "A&-B");
  CHECK(*mailbox_name("folder/", false) == "folder");
  CHECK(wire_name("Entw\xC3\xBCrfe", false) == "Entw&APw-rfe");
  CHECK(wire_name("Entw\xC3\xBCrfe", true) == "Entw\xC3\xBCrfe");
}

TEST_CASE("names that cannot be") {
  for (const char* bad :
       {"", "/", "/a", "a//b", "..", "a/../b", ".", "a/.", "a\tb", "\x7f", "&AGE-", "&bad", "\xC3\xBC"})
    CHECK_FALSE(mailbox_name(bad, false));
  CHECK_FALSE(mailbox_name("\xC3", true));
  CHECK_FALSE(mailbox_name(std::string(1001, 'a'), false));
  std::string deep = "a";
  for (int i = 0; i < 60; ++i) deep += "/a";
  CHECK_FALSE(mailbox_name(deep, false));
}

TEST_CASE("LIST patterns") {
  struct Row {
    const char* pattern;
    const char* name;
    bool matches;
  };
  const Row rows[] = {{"*", "INBOX", true},    {"*", "a/b/c", true},    {"%", "a", true},
                      {"%", "a/b", false},     {"a/%", "a/b", true},    {"a/%", "a", false},
                      {"a/%", "a/b/c", false}, {"a/*", "a/b/c", true},  {"a*", "a", true},
                      {"%/c", "b/c", true},    {"%/c", "a/b/c", false}, {"*c", "a/b/c", true},
                      {"a%c", "abc", true},    {"a%c", "a/c", false},   {"inbox", "INBOX", true},
                      {"", "", true},          {"", "a", false},        {"A", "a", false},
                      {"%%", "ab", true},      {"*%", "a/b", true},     {"a%%/b", "axx/b", true}};
  for (const auto& row : rows) {
    CAPTURE(row.pattern, row.name);
    CHECK(NamePattern(row.pattern).matches(row.name) == row.matches);
  }
}

TEST_CASE("a pattern of wildcards costs no time") {
  std::string pattern;
  for (int i = 0; i < 400; ++i) pattern += "*a";
  CHECK_FALSE(NamePattern(pattern + "b").matches(std::string(900, 'a')));
  CHECK(NamePattern(pattern).matches(std::string(900, 'a')));
  CHECK(NamePattern(pattern + "b").matches(std::string(900, 'a') + "b"));
  CHECK_FALSE(NamePattern(pattern).matches(std::string(399, 'a')));
}

namespace {
// What the words say, without any cleverness.
bool plainly_matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  const char c = pattern.front();
  if (c != '*' && c != '%')
    return !name.empty() && name.front() == c && plainly_matches(pattern.substr(1), name.substr(1));
  for (std::size_t taken = 0;; ++taken) {
    if (plainly_matches(pattern.substr(1), name.substr(taken))) return true;
    if (taken == name.size() || (c == '%' && name[taken] == '/')) return false;
  }
}
}  // namespace

TEST_CASE("patterns longer than a word of bits match like short ones") {
  std::uint32_t dice = 1;
  const auto roll = [&](std::uint32_t sides) {
    dice = dice * 1664525 + 1013904223;
    return (dice >> 16) % sides;
  };
  for (int round = 0; round < 20000; ++round) {
    const std::string lead(roll(2) * (60 + roll(70)), 'x');
    std::string pattern = lead, name = lead;
    for (auto n = roll(7); n > 0; --n) pattern += "ab/*%"[roll(5)];
    for (auto n = roll(7); n > 0; --n) name += "ab/"[roll(3)];
    CAPTURE(pattern, name);
    CHECK(NamePattern(pattern).matches(name) == plainly_matches(pattern, name));
  }
}
