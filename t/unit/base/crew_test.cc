#include "common/base/crew.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <vector>

#include "common/base/failpoint.h"

using namespace waxwing;

TEST_CASE("a crew does every item once, however many there are") {
  Crew crew(4);
  for (const std::size_t count : {0, 1, 2, 3, 100, 1, 0, 7}) {
    std::vector<std::atomic<int>> times(count);
    crew.each(count, [&](std::size_t n) { ++times[n]; });
    for (const auto& time : times) CHECK(time == 1);
  }
}

TEST_CASE("a crew works on as many items at once as it has threads") {
  Crew crew(4);
  std::latch together(4);  // opens only when four are at work
  crew.each(4, [&](std::size_t) { together.arrive_and_wait(); });
  CHECK(together.try_wait());
}

TEST_CASE("a crew of one is its caller") {
  Crew crew(1);
  std::vector<std::thread::id> by;
  crew.each(3, [&](std::size_t) { by.push_back(std::this_thread::get_id()); });
  CHECK(by == std::vector(3, std::this_thread::get_id()));
}

TEST_CASE("a crew that never worked ends at once") {
  const Crew crew(8);
}

TEST_CASE("what one item throws is thrown on when all are done, and the crew goes on") {
  Crew crew(4);
  for (const std::size_t bad : {0, 3, 99}) {
    std::vector<std::atomic<int>> times(100);
    const auto work = [&](std::size_t n) {
      ++times[n];
      if (n == bad) throw std::runtime_error("item");
    };
    CHECK_THROWS_AS(crew.each(100, work), std::runtime_error);
    for (const auto& time : times) CHECK(time == 1);
    crew.each(100, [&](std::size_t n) { ++times[n]; });
    for (const auto& time : times) CHECK(time == 2);
  }
}

TEST_CASE("a crew that gets no threads does its work with those it has") {
  Crew crew(4);
  arm_failpoints("crew.thread=eio");
  std::vector<std::atomic<int>> times(9);
  crew.each(9, [&](std::size_t n) { ++times[n]; });
  arm_failpoints("");
  for (const auto& time : times) CHECK(time == 1);
}
