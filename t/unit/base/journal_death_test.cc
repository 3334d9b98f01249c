// Processes that share a journal and die: at every durable step, under every lock, and by kill -9 at random.
#include <catch2/catch.hpp>

#include <csignal>
#include <map>

#include "t/unit/base/journal_scratch.h"

using namespace waxwing;

namespace {
// Commits small files for ever, and says the number of each on the pipe when it was answered.
bool commit_and_tell(const JournalScratch& scratch, char name, int pipe) {
  if (!scratch.open()) return false;
  for (std::uint32_t n = 0;; ++n) {
    const auto text = name + std::to_string(n);
    if (!scratch.publish(text, text + std::string(2000, name))) return false;
    if (::write(pipe, &n, sizeof n) != sizeof n) return false;
  }
}
}  // namespace

TEST_CASE("death at a step under any lock leaves a journal that the others go on with") {
  const auto* const point =
      GENERATE("journal.append", "journal.append@2", "journal.sync", "journal.sync@2", "journal.checkpoint",
               "journal.checkpoint.write", "journal.recycle", "journal.recycle@2", "journal.grow");
  INFO(point);
  JournalScratch scratch;
  const std::string bulk(200000, 'b');
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("before", "1"); }) == 0);
  std::string specification = point;
  const auto at = specification.find('@');
  specification =
      specification.substr(0, at) + "=exit" + (at == std::string::npos ? "" : specification.substr(at));
  const int died = scratch.life([&] {
    if (!scratch.open()) return false;
    arm_failpoints(specification);
    // More than two segments, so that files are grown and segments are entered.
    for (int n = 0; n < 12; ++n)
      if (!scratch.publish("b" + std::to_string(n), bulk)) return false;
    return durable::settle().has_value();
  });
  CHECK(died == 137);
  // The next process is neither locked out nor does it write behind a hole.
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("after", "2"); }) == 0);
  scratch.power_cut_with_loss();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("before") == "1");
  CHECK(scratch.read("after") == "2");
}

TEST_CASE("processes that commit at once and are killed lose nothing that was answered") {
  JournalScratch scratch;
  scratch.segments = 64;  // no checkpoint: everything must come from the log
  std::map<char, std::uint32_t> answered;
  std::vector<pid_t> children;
  std::vector<int> pipes;
  for (char name = 'a'; name < 'e'; ++name) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    children.push_back(JournalScratch::begin([&] { return commit_and_tell(scratch, name, ends[1]); }));
    ::close(ends[1]);
    pipes.push_back(ends[0]);
  }
  for (std::size_t n = 0; n < children.size(); ++n) {
    const char name = static_cast<char>('a' + n);
    std::uint32_t number = 0;
    // Each a little later than the one before, the last one alone.
    while (answered[name] < 20 + 30 * n && ::read(pipes[n], &number, sizeof number) == sizeof number)
      answered[name] = number + 1;
    ::kill(children[n], SIGKILL);
    while (::read(pipes[n], &number, sizeof number) == sizeof number) answered[name] = number + 1;
    CHECK(JournalScratch::finish(children[n]) == 128 + SIGKILL);
    ::close(pipes[n]);
  }
  scratch.power_cut_with_loss();
  REQUIRE(scratch.restart() == 0);
  for (const auto& [name, count] : answered) {
    CHECK(count > 0);
    for (std::uint32_t n = 0; n < count; ++n) {
      const auto text = name + std::to_string(n);
      REQUIRE(scratch.read(text) == text + std::string(2000, name));
    }
  }
}

TEST_CASE("a replay that dies at any record is done again") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    for (int n = 0; n < 5; ++n)
      if (!scratch.publish("f" + std::to_string(n), "text" + std::to_string(n))) return false;
    durable::Batch batch;
    batch.link(scratch.path("f0"), scratch.path("linked")).removed(scratch.path("f4"));
    return durable::remove(scratch.path("f4")) && durable::commit(std::move(batch));
  }) == 0);
  for (int n = 0; n < 5; ++n) scratch.write("f" + std::to_string(n), "");
  std::filesystem::remove(scratch.path("linked"));
  scratch.power_cut();
  for (int at = 1; at <= 10; ++at) {
    const int died = scratch.life([&] {
      arm_failpoints("journal.replay=exit@" + std::to_string(at));
      return scratch.open().has_value();
    });
    CHECK(died == 137);
  }
  REQUIRE(scratch.life([&] {
    arm_failpoints("journal.replay=enospc@3");
    return !scratch.open();
  }) == 0);
  REQUIRE(scratch.restart() == 0);
  for (int n = 0; n < 4; ++n) CHECK(scratch.read("f" + std::to_string(n)) == "text" + std::to_string(n));
  CHECK(scratch.read("f4") == "(none)");
  CHECK(scratch.read("linked") == "text0");
}

TEST_CASE("while others have the journal open a control file that vanished is an error, not a replay") {
  JournalScratch scratch;
  int ready[2], go[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(go) == 0);
  const auto child = JournalScratch::begin([&] {
    char byte = 'x';
    return scratch.open() && ::write(ready[1], &byte, 1) == 1 && ::read(go[0], &byte, 1) == 1;
  });
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  scratch.power_cut();
  CHECK(scratch.restart() == 1);
  REQUIRE(::write(go[1], &byte, 1) == 1);
  CHECK(JournalScratch::finish(child) == 0);
  CHECK(scratch.restart() == 0);
}
