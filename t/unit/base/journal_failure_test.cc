// A disk that refuses: every commit is answered truly, and service goes on when the disk does.
#include <sys/stat.h>
#include <catch2/catch.hpp>

#include <cerrno>

#include "common/base/durable_committer.h"
#include "common/base/journal.h"
#include "common/base/journal_record.h"
#include "common/base/strings.h"
#include "t/unit/bad_disk.h"
#include "t/unit/base/journal_scratch.h"
#include "t/unit/skip.h"

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

TEST_CASE("what a checkpoint could not write down is not written over") {
  JournalScratch scratch;
  scratch.segments = 2;
  const std::string bulk(100'000, 'b');
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    arm_failpoints("journal.checkpoint.write=eio");
    std::string answered;
    for (int n = 0; n < 60; ++n)
      if (const auto name = "b" + std::to_string(n); scratch.publish(name, bulk)) answered += name + "\n";
    return replace_file(scratch.root + "/answered", answered).has_value();
  }) == 0);
  const auto text = read_file(scratch.root + "/answered").value();
  const auto answered = split(std::string_view(text).substr(0, text.size() - 1), '\n');
  REQUIRE(answered.size() > 10);  // more than one segment holds
  REQUIRE(answered.size() < 60);
  for (const auto name : answered) scratch.write(std::string(name), "");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  for (const auto name : answered) {
    INFO(name);
    CHECK(scratch.read(std::string(name)) == bulk);
  }
}

TEST_CASE("a checkpoint syncs every file system that files are journaled on, or does not count") {
  JournalScratch scratch;
  const auto other = "/dev/shm/waxwing-journal-" + unique_id();
  struct stat here {
  }, there{};
  if (::mkdir(other.c_str(), 0700) != 0 || ::stat(other.c_str(), &there) != 0 ||
      ::stat(scratch.root.c_str(), &here) != 0 || here.st_dev == there.st_dev) {
    std::filesystem::remove_all(other);
    return skipped("/dev/shm is no file system of its own");
  }
  const auto publish_on_both = [&](const std::string& name) {
    auto fd = open_file(other + "/" + name, O_CREAT | O_RDWR);
    if (!fd || !write_all(fd->get(), name)) return false;
    durable::Batch batch;
    batch.content(fd->get(), other + "/" + name);
    return durable::commit(std::move(batch)) && scratch.publish(name, name);
  };
  const int status = scratch.life([&] {
    if (!durable::covers(other) || !scratch.open() || !publish_on_both("one")) return false;
    {
      const BadDisk watched("/", 0, EIO);
      if (!durable::settle()) return false;
      std::size_t here_synced = 0, there_synced = 0;
      const auto calls = BadDisk::calls();
      for (const auto call : split(calls, '\n')) {
        here_synced += call.starts_with("syncfs " + scratch.root);
        there_synced += call.starts_with("syncfs " + other);
      }
      if (here_synced != 1 || there_synced != 1) return false;
    }
    // Which of the two refuses is all the same: what the log has is kept.
    for (const auto* const refused : {"journal.checkpoint=eio@1", "journal.checkpoint=eio@2"}) {
      if (!publish_on_both("two")) return false;
      const auto before = durable::the_journal()->control().checkpointed.load();
      arm_failpoints(refused);
      if (durable::settle() || durable::the_journal()->control().checkpointed != before) return false;
      arm_failpoints("");
      if (!durable::settle()) return false;
    }
    return true;
  });
  std::filesystem::remove_all(other);
  CHECK(status == 0);
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
