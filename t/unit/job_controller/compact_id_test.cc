#include "job_controller/compact_id.h"

#include <catch2/catch.hpp>

using waxwing::job_controller::CompactId;

TEST_CASE("an id of any length is kept, in the object itself up to 16 bytes") {
  CHECK(sizeof(CompactId) == 16);
  CHECK(CompactId().text().empty());
  for (std::size_t length = 1; length < 70; ++length) {
    const std::string id(length, 'a');
    CompactId kept(id);
    CHECK(kept.text() == id);
    CompactId moved(std::move(kept));
    CHECK(moved.text() == id);
    CHECK(kept.text().empty());  // NOLINT: an empty one is sound
    CompactId assigned("01M8317ZHGYNGQ4F01M8317ZHGYNGQ4F");
    assigned = std::move(moved);
    CHECK(assigned.text() == id);
  }
}
