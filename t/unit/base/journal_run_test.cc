#include "common/base/journal_run.h"

#include "common/base/strings.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;

TEST_CASE("a run of the journal is told until the next one begins") {
  const JournalScratch scratch;
  const auto folder = scratch.root + "/data";
  CHECK(durable::load_run(folder) == "");
  REQUIRE(durable::begin_run(folder));
  const auto first = *durable::load_run(folder);
  CHECK(first.size() == 16);
  CHECK(durable::load_run(folder) == first);
  REQUIRE(durable::begin_run(folder));
  CHECK(*durable::load_run(folder) != first);
}

TEST_CASE("a damaged run is one that never was, and tells that in digits that indexes can hold") {
  const JournalScratch scratch;
  const auto folder = scratch.root + "/data";
  REQUIRE(durable::begin_run(folder));
  const auto real = *durable::load_run(folder);
  for (const auto& damage :
       {std::string(60, '\0'), std::string("waxwing journal rum 1 x y"), std::string()}) {
    REQUIRE(replace_file(folder + "/run", damage));
    const auto told = durable::load_run(folder);
    REQUIRE(told);
    CHECK(told->size() == 16);
    CHECK(from_hex(*told));
    CHECK(*told != real);
  }
}
