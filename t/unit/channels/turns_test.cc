#include "channels/master/turns.h"

#include <catch2/catch.hpp>

using waxwing::channels::Turns;

TEST_CASE("deliveries that move are limited, and some more units are in hand") {
  Turns turns(50, 500);
  turns.look(50, 0, 10'000);
  CHECK(turns.allowed() == 50);
  CHECK(turns.room() == 100);
  CHECK_FALSE(turns.full());
  CHECK_FALSE(turns.any_quiet());
}

TEST_CASE("a delivery that only waits keeps no other from its turn, up to the limit of all") {
  Turns turns(50, 500);
  turns.look(50, 50, 1000);
  CHECK(turns.allowed() == 100);
  CHECK(turns.room() == 150);
  turns.look(480, 480, 1000);
  CHECK(turns.allowed() == 500);
  CHECK_FALSE(turns.full());
  turns.look(480, 0, 0);  // all move again
  CHECK(turns.allowed() == 50);
}

TEST_CASE("a program is full when all it may begin waits, and stays so until a good part has ended") {
  Turns turns(50, 500);
  turns.look(500, 500, Turns::kPatienceMs - 1);
  CHECK_FALSE(turns.full());
  turns.look(500, 200, Turns::kPatienceMs);  // most of it moves: turns come
  CHECK_FALSE(turns.full());
  turns.look(500, 500, Turns::kPatienceMs);
  CHECK(turns.full());
  CHECK(turns.room() == 500);  // nothing in hand that cannot be begun
  turns.look(499, 499, 0);
  CHECK(turns.full());
  turns.look(375, 375, 0);
  CHECK_FALSE(turns.full());
  CHECK(turns.room() == 475);
}

TEST_CASE("a limit below the usual number is kept") {
  Turns turns(50, 10);
  CHECK(turns.allowed() == 10);
  CHECK(turns.room() == 20);
  turns.look(10, 10, Turns::kPatienceMs);
  CHECK(turns.allowed() == 10);
  CHECK(turns.full());
  CHECK(turns.room() == 10);
}

TEST_CASE("programs that deliver on this machine count every delivery") {
  Turns turns(32, 0);
  turns.look(32, 32, 60'000);
  CHECK(turns.allowed() == 32);
  CHECK(turns.room() == 64);
  CHECK_FALSE(turns.full());
}
