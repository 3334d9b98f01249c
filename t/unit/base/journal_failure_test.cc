// A disk that refuses: every commit is answered truly, and service goes on when the disk does.
#include <catch2/catch.hpp>

#include "common/base/durable_committer.h"
#include "common/base/journal.h"
#include "common/base/journal_record.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;

TEST_CASE("a step that fails once fails that commit for now, and the next one recovers") {
  const auto* const point = GENERATE("journal.append", "journal.sync");
  const auto* const how = GENERATE("eio", "enospc");
  INFO(point << " " << how);
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open() || !scratch.publish("before", "1")) return false;
    arm_failpoints(std::string(point) + "=" + how + "@1");
    const auto failed = scratch.publish("failed", "x");
    if (failed || failed.error().fault != Fault::temporary) return false;
    return scratch.publish("after", "2").has_value();
  }) == 0);
  scratch.write("after", "");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("after") == "2");
  CHECK(scratch.read("before") == "1");
}

TEST_CASE("while files cannot be synced a broken journal answers that it cannot, to every process") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    arm_failpoints("journal.sync=eio;journal.checkpoint=eio");
    if (scratch.publish("one", "1") || scratch.publish("two", "2") || durable::settle()) return false;
    // Removals are not refused: what they need is done when the journal recovers.
    return durable::remove(scratch.path("one")).has_value();
  }) == 0);
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    arm_failpoints("journal.checkpoint=eio@1");
    return !scratch.publish("three", "3") && scratch.publish("four", "4");
  }) == 0);
  scratch.write("four", "");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("four") == "4");
  CHECK(scratch.read("one") == "(none)");
}

TEST_CASE("a checkpoint that fails at any step keeps the log") {
  const auto* const point = GENERATE("journal.checkpoint", "journal.checkpoint.write");
  INFO(point);
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open() || !scratch.publish("one", "1")) return false;
    arm_failpoints(std::string(point) + "=eio");
    return !durable::settle() && scratch.publish("two", "2");
  }) == 0);
  scratch.write("one", "");
  scratch.write("two", "");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("one") == "1");
  CHECK(scratch.read("two") == "2");
}

TEST_CASE("what was on its way when files could not be synced is refused, for its pages may be lost") {
  const auto* const point = GENERATE("journal.checkpoint", "journal.sync");
  INFO(point);
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    const auto since = durable::the_journal()->end();
    arm_failpoints(std::string(point) + "=eio@1");
    if (scratch.publish("one", "1") && durable::settle()) return false;
    if (!durable::settle() || !scratch.publish("two", "2")) return false;
    std::string record;
    durable::encode_content(record, since, "data/late", "late");
    const auto late = durable::the_journal()->append(record, {}, since);
    if (late || late.error().fault != Fault::temporary) return false;
    return durable::the_journal()->append(record, {}, durable::the_journal()->end()).has_value();
  }) == 0);
}

TEST_CASE("a log that can neither grow nor be freed refuses, and goes on when there is room") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    arm_failpoints("journal.grow=enospc;journal.checkpoint=enospc");
    const std::string bulk(200000, 'b');
    int refused = 0;
    for (int n = 0; n < 20; ++n) refused += scratch.publish("b" + std::to_string(n), bulk) ? 0 : 1;
    if (refused == 0) return false;
    arm_failpoints("");
    return scratch.publish("last", "last").has_value();
  }) == 0);
  scratch.write("last", "");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("last") == "last");
}

TEST_CASE("a log that cannot grow uses its segments again") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    arm_failpoints("journal.grow=enospc");
    const std::string bulk(200000, 'b');
    for (int n = 0; n < 40; ++n)
      if (!scratch.publish("b" + std::to_string(n), bulk)) return false;
    return !file_exists(scratch.root + "/journal/segment.02.new");
  }) == 0);
}

TEST_CASE("a start that fails leaves the journal as it was") {
  const auto* const point =
      GENERATE("journal.open", "journal.checkpoint", "journal.checkpoint.write", "journal.recycle");
  INFO(point);
  JournalScratch scratch;
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("one", "1"); }) == 0);
  scratch.write("one", "");
  scratch.power_cut();
  REQUIRE(scratch.life([&] {
    arm_failpoints(std::string(point) + "=eio");
    return !scratch.open();
  }) == 0);
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("one") == "1");
}
