// A checkpoint that was cut off in its sync: what the next ones believe, and what becomes of those who commit meanwhile.
#include <catch2/catch.hpp>

#include "common/base/durable_committer.h"
#include "common/base/journal.h"
#include "common/base/journal_record.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;

namespace {
// A process that opens the journal now and goes on with its work when it is told to.
class Waiting {
 public:
  Waiting(const JournalScratch& scratch, const std::function<bool()>& work) {
    if (::pipe(opened_) != 0 || ::pipe(goes_on_) != 0) return;
    child_ = JournalScratch::begin([&] {
      char byte = 'x';
      return scratch.open() && ::write(opened_[1], &byte, 1) == 1 && ::read(goes_on_[0], &byte, 1) == 1 &&
             work();
    });
    char byte = 0;
    is_open_ = ::read(opened_[0], &byte, 1) == 1;
  }
  bool is_open() const { return is_open_; }
  int finish() const {
    const char byte = 'x';
    return ::write(goes_on_[1], &byte, 1) == 1 ? JournalScratch::finish(child_) : -1;
  }

 private:
  int opened_[2] = {}, goes_on_[2] = {};
  pid_t child_ = -1;
  bool is_open_ = false;
};

int die_in_sync(const JournalScratch& scratch) {
  return scratch.life([&] {
    if (!scratch.open() || !scratch.publish("one", "1")) return false;
    arm_failpoints("journal.checkpoint=exit");
    return durable::settle().has_value();
  });
}

const durable::ControlBlock& control() {
  return durable::the_journal()->control();
}

// What had been in place when the log ended at since, and comes now.
bool is_taken(std::uint64_t since) {
  std::string record;
  durable::encode_content(record, since, "data/late", "late");
  return durable::the_journal()->append(record, {}, since).has_value();
}
}  // namespace

TEST_CASE("a death in a sync leaves nothing behind for who ran before it") {
  JournalScratch scratch;
  const Waiting before(scratch, [] {
    const auto since = durable::the_journal()->end();
    return durable::settle() && control().doubt == 0 && control().checking == 0 && is_taken(since);
  });
  REQUIRE(before.is_open());
  REQUIRE(die_in_sync(scratch) == 137);
  CHECK(before.finish() == 0);
}

TEST_CASE("who came after a death in a sync doubts the files until one who ran before it has synced them") {
  JournalScratch scratch;
  const Waiting before(scratch, [] { return durable::settle() && control().doubt == 0; });
  REQUIRE(before.is_open());
  REQUIRE(die_in_sync(scratch) == 137);
  CHECK(scratch.life([&] {
    if (!scratch.open()) return false;
    const auto since = durable::the_journal()->end();
    // A checkpoint of its own, and one more, leave it in doubt.
    if (!scratch.publish("three", "3") || !durable::settle() || control().doubt == 0 || is_taken(since))
      return false;
    return scratch.publish("two", "2") && durable::settle() && control().doubt != 0;
  }) == 0);
  CHECK(before.finish() == 0);
}

TEST_CASE("a death in a sync is told, and so is what follows from it") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("zero", "0"); }) == 0);
  REQUIRE(die_in_sync(scratch) == 137);
  std::string told;
  CHECK(scratch.life([&] {
    auto settings = scratch.settings();
    settings.report = [&](const char* name, const durable::JournalSettings::Fields&, bool) { told += name; };
    return durable::covers(scratch.root + "/data") && durable::open_journal(std::move(settings)) &&
           durable::settle() && told == "journal.checkpoint.died";
  }) == 0);
}

TEST_CASE("in doubt every commit is answered, however often a checkpoint comes between") {
  JournalScratch scratch;
  scratch.segments = 2;  // each segment that is full waits for a checkpoint
  const auto* const why = GENERATE("journal.checkpoint=eio@1", "journal.checkpoint=exit");
  INFO(why);
  const bool dies = std::string(why).ends_with("exit");
  if (dies) {
    REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("zero", "0"); }) == 0);
    REQUIRE(die_in_sync(scratch) == 137);
  }
  const std::string bulk(200000, 'b');
  CHECK(scratch.life([&] {
    if (!scratch.open() || !scratch.publish("old", std::string(5000, 'o'))) return false;
    if (!dies) arm_failpoints(why);
    if (!dies && durable::settle()) return false;
    for (int n = 0; n < 40; ++n) {
      if (!scratch.publish("b" + std::to_string(n), bulk)) return false;
      if (!scratch.change("old", static_cast<std::uint64_t>(n), "x")) return false;
    }
    return control().doubt != 0;
  }) == 0);
  scratch.power_cut_with_loss();
  REQUIRE(scratch.restart() == 0);
  for (int n = 0; n < 40; ++n) CHECK(scratch.read("b" + std::to_string(n)) == bulk);
  CHECK(scratch.read("old").substr(0, 41) == std::string(40, 'x') + "o");
}
