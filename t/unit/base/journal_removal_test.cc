// What was removed stays so: whoever dies on the way, and whatever a checkpoint has seen of it.
#include <catch2/catch.hpp>

#include "t/unit/bad_disk.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;

namespace {
constexpr decltype(&durable::remove) kWays[] = {durable::remove, durable::remove_for_ever};
}  // namespace

TEST_CASE("a file that was gone when its remover died does not come back with a power cut") {
  const auto remove = GENERATE(from_range(std::begin(kWays), std::end(kWays)));
  const auto* const point = GENERATE("durable.remove", "journal.append");
  INFO(point);
  JournalScratch scratch;
  const int died = scratch.life([&] {
    if (!scratch.open() || !scratch.publish("one", "1")) return false;
    arm_failpoints(std::string(point) + "=exit");
    return remove(scratch.path("one")).has_value();
  });
  REQUIRE(died == 137);
  const bool gone = !file_exists(scratch.path("one"));
  // What else is committed makes durable what was appended before.
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("two", "2"); }) == 0);
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  if (gone) CHECK(scratch.read("one") == "(none)");
  CHECK(scratch.read("two") == "2");
}

TEST_CASE("a checkpoint in the middle of a removal does not make the log forget it") {
  const auto remove = GENERATE(from_range(std::begin(kWays), std::end(kWays)));
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open() || !scratch.publish("one", "1")) return false;
    before_next_unlink([] { (void)durable::settle(); });
    return remove(scratch.path("one")) && !file_exists(scratch.path("one")) && scratch.publish("two", "2");
  }) == 0);
  scratch.write("one", "1");  // no checkpoint came behind it, so the disk may still have the name
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("one") == "(none)");
}

TEST_CASE("what cannot be told to the log is removed all the same, and told when it can") {
  const auto remove = GENERATE(from_range(std::begin(kWays), std::end(kWays)));
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open() || !scratch.publish("one", "1")) return false;
    arm_failpoints("journal.append=eio@1");
    if (!remove(scratch.path("one")) || file_exists(scratch.path("one"))) return false;
    return scratch.publish("two", "2").has_value();
  }) == 0);
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("one") == "(none)");
  CHECK(scratch.read("two") == "2");
}
