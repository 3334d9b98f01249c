#include "imapd/parse/sequence_set.h"

#include <catch2/catch.hpp>

using namespace waxwing::imap;

namespace {
std::string resolved(const char* text, std::uint32_t largest) {
  Scanner in(text);
  const auto set = SequenceSet::parse(in);
  if (!set || !in.at_end()) return "bad";
  std::string out;
  for (const auto& range : set->resolve(largest))
    out += std::to_string(range.first) + "-" + std::to_string(range.last) + " ";
  return out;
}
}  // namespace

TEST_CASE("sequence sets resolve, sort and join") {
  struct Row {
    const char* text;
    std::uint32_t largest;
    const char* expected;
  };
  const Row rows[] = {{"1", 10, "1-1 "},
                      {"1:3", 10, "1-3 "},
                      {"3:1", 10, "1-3 "},
                      {"*", 10, "10-10 "},
                      {"*:8", 10, "8-10 "},
                      {"15:*", 10, "10-15 "},
                      {"5,1:2,3,4", 10, "1-5 "},
                      {"1:4,2:3,9", 10, "1-4 9-9 "},
                      {"4294967295,1", 10, "1-1 4294967295-4294967295 "},
                      {"1:4294967295,7", 10, "1-4294967295 "},
                      {"*", 0, "0-0 "}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(resolved(row.text, row.largest) == row.expected);
  }
}

TEST_CASE("what is no sequence set") {
  for (const char* bad : {"", "0", "1,", "1:", ":1", "a", "1:2:3", "4294967296", "-1", "1,,2", "**"}) {
    CAPTURE(bad);
    CHECK(resolved(bad, 10) == "bad");
  }
  std::string many = "1";
  for (int i = 0; i < 50; ++i) many += ",1";
  Scanner in(many);
  CHECK_FALSE(SequenceSet::parse(in, 50));
}

TEST_CASE("membership") {
  const std::vector<Range> ranges = {{2, 4}, {9, 9}};
  for (const std::uint32_t n : {2, 3, 4, 9}) CHECK(contains(ranges, n));
  for (const std::uint32_t n : {1, 5, 8, 10}) CHECK_FALSE(contains(ranges, n));
}

TEST_CASE("sets are written short") {
  SetWriter set;
  CHECK(set.empty());
  for (const std::uint32_t n : {1, 2, 3, 7, 9, 10, 5}) set.add(n);
  CHECK(set.take() == "1:3,7,9:10,5");
  CHECK(set.take().empty());
}
