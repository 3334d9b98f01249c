#include "common/base/random.h"

#include <catch2/catch.hpp>

#include "common/base/time.h"

using namespace waxwing;

TEST_CASE("a unique id tells when it was made") {
  const auto before = wall_ms();
  const auto id = unique_id();
  const auto made = unique_id_ms(id);
  REQUIRE(made);
  CHECK(*made >= before);
  CHECK(*made <= wall_ms());
  CHECK(unique_id_ms("0000000010ABCDEF") == 32);
  for (const auto* text :
       {"", "01M80WPWGZQSGWY", "01M80WPWGZQSGWY4X", "01M80WPWGZQSGWYU", "01m80wpwgzqsgwy4"})
    CHECK_FALSE(unique_id_ms(text));
}
