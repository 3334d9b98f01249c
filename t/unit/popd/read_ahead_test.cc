#include "popd/read_ahead.h"

#include <catch2/catch.hpp>

using waxwing::pop::ReadAhead;

namespace {
// Retrieves a message of a maildrop whose messages have that size; answers how many were read for it.
int retrieve(ReadAhead& ahead, std::uint32_t number, std::size_t size) {
  if (const auto known = ahead.take(number)) {
    CHECK(*known == std::string(size, static_cast<char>('a' + number % 26)));
    return 0;
  }
  ahead.begin();
  int read = 1;
  for (auto next = number + 1; next <= 1000 && ahead.wants(size); ++next, ++read)
    ahead.add(next, std::string(size, static_cast<char>('a' + next % 26)));
  return read;
}
}  // namespace

TEST_CASE("who goes on in turn gets more at a time") {
  ReadAhead ahead;
  std::vector<int> reads;
  for (std::uint32_t number = 1; number <= 40; ++number)
    if (const auto read = retrieve(ahead, number, 100)) reads.push_back(read);
  CHECK(reads == std::vector<int>{2, 8, 16, 16});
}

TEST_CASE("who picks messages gets these") {
  ReadAhead ahead;
  for (const std::uint32_t number : {5, 9, 3, 3, 700, 2}) CHECK(retrieve(ahead, number, 100) == 1);
  // Back in turn, and out of it again.
  CHECK(retrieve(ahead, 3, 100) == 2);
  CHECK(retrieve(ahead, 4, 100) == 0);
  CHECK(retrieve(ahead, 1, 100) == 1);
  CHECK(retrieve(ahead, 5, 100) == 1);
}

TEST_CASE("it holds little") {
  ReadAhead ahead;
  std::size_t most = 0;
  for (std::uint32_t number = 1; number <= 100; ++number)
    most = std::max(most, static_cast<std::size_t>(retrieve(ahead, number, 10'000)));
  CHECK(most == 4);
  ReadAhead large;
  for (std::uint32_t number = 1; number <= 10; ++number) CHECK(retrieve(large, number, 40'000) == 1);
}
