#include <catch2/catch.hpp>

#include "mta/protocol/data_rate.h"

using waxwing::mta::protocol::DataRate;

TEST_CASE("a message has to come at a least rate, after a while") {
  const DataRate rate(100, 60'000, 1'000'000);
  CHECK_FALSE(rate.too_slow(0, 1'000'000));
  CHECK_FALSE(rate.too_slow(1, 1'060'000));  // not looked at yet
  CHECK(rate.too_slow(5'999, 1'060'001));
  CHECK_FALSE(rate.too_slow(6'000, 1'060'001));
  CHECK(rate.too_slow(11'999, 1'120'000));
  CHECK_FALSE(rate.too_slow(12'000, 1'120'000));
  CHECK_FALSE(rate.too_slow(0, 900'000));  // a clock that went back
}

TEST_CASE("no least rate: any will do") {
  CHECK_FALSE(DataRate(0, 0, 0).too_slow(0, 1'000'000'000));
}
