// What goes out, in which order, and what operators do with it.
#include "t/unit/job_controller/schedule_bench.h"

using namespace waxwing;
using namespace waxwing::job_controller;

TEST_CASE("work goes out by priority, then in the order it came") {
  Bench bench;
  const auto slow = bench.add("tcp_local", {"a.test"}, Priority::nonurgent);
  const auto first = bench.add("tcp_local", {"a.test"});
  const auto second = bench.add("tcp_local", {"a.test"});
  const auto fast = bench.add("tcp_local", {"b.test"}, Priority::urgent);
  CHECK(bench.take()->file == fast);
  CHECK(bench.take()->file == first);
  CHECK(bench.take()->file == second);
  CHECK(bench.take()->file == slow);
  CHECK_FALSE(bench.take());
  CHECK(bench.schedule.counts("tcp_local").in_flight == 4);
}

TEST_CASE("a message is known once, and forgotten when its last host is done") {
  Bench bench;
  bench.add("tcp_local", {"a.test", "b.test"});
  ScheduleEntry again;
  again.name = *FileName::parse("tcp_local/000/ZY100000.00");  // the same file after an attempt
  again.hosts.push_back({"a.test", 1, 0, 0, 0});
  CHECK_FALSE(bench.schedule.add(again, bench.now));
  CHECK(bench.schedule.size() == 1);
  bench.schedule.done(bench.take()->unit);
  CHECK(bench.schedule.size() == 1);
  bench.schedule.done(bench.take()->unit);
  CHECK(bench.schedule.size() == 0);
  bench.schedule.done(77);
  bench.schedule.deferred(77, {}, bench.now);
  const auto counts = bench.schedule.counts("tcp_local");
  CHECK(counts.files == 0);
  CHECK(counts.bytes == 0);
  CHECK(counts.hosts == 0);
  CHECK(counts.in_flight == 0);
}

TEST_CASE("a held file and one with nothing left are not scheduled") {
  Bench bench;
  ScheduleEntry entry;
  entry.name = *FileName::parse("tcp_local/000/ZZ1000.00.HELD");
  entry.hosts.push_back({"a.test", 1, 0, 0, 0});
  CHECK_FALSE(bench.schedule.add(entry, bench.now));
  entry.name.held = false;
  entry.hosts.clear();
  CHECK_FALSE(bench.schedule.add(entry, bench.now));
}

TEST_CASE("what a dead program had in hand is given out again, later each time it dies") {
  Bench bench;
  bench.add("ims-ms", {"store"});
  for (const bool crashed : {false, true, true}) {
    const auto assignment = bench.take("ims-ms");
    REQUIRE(assignment);
    bench.schedule.returned(assignment->unit, crashed, bench.now);
    bench.schedule.returned(assignment->unit, crashed, bench.now);  // says nothing new
  }
  CHECK_FALSE(bench.take("ims-ms"));
  bench.now += 40'000;
  REQUIRE(bench.take("ims-ms"));
  CHECK(bench.renamed.empty());
}

TEST_CASE("operators stop, start, forget, return and hurry") {
  Bench bench;
  const auto first = *FileName::parse(bench.add("tcp_local", {"a.test", "b.test"}));
  const auto second = *FileName::parse(bench.add("tcp_local", {"a.test"}));
  bench.schedule.set_stopped("tcp_local", true);
  CHECK_FALSE(bench.take());
  CHECK(bench.schedule.ready("tcp_local") == 0);
  bench.schedule.set_stopped("tcp_local", false);
  bool busy = false;
  CHECK(bench.schedule.forget(first, busy));
  CHECK_FALSE(bench.schedule.knows(first));
  CHECK(bench.schedule.give_back(second));
  const auto work = bench.take();
  REQUIRE(work);
  CHECK(work->mode == Mode::give_back);
  CHECK_FALSE(bench.schedule.forget(second, busy));
  CHECK(busy);
  CHECK(bench.schedule.give_back(second));  // it is on its way
  bench.schedule.deferred(work->unit, {.until_ms = bench.now + kHour, .attempted = false}, bench.now);
  bench.schedule.retry_now("tcp_local");
  const auto again = bench.take();
  REQUIRE(again);
  CHECK(again->mode == Mode::give_back);
  CHECK(bench.schedule.forget_file_of(again->unit)->key() == second.key());
  CHECK(bench.schedule.size() == 0);
  CHECK(bench.next_due_ms() == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("what the tree says is to be returned goes out at once, whatever it waits for") {
  Bench bench;
  ScheduleEntry entry;
  entry.name = *FileName::parse("tcp_local/000/ZX100000.00");
  entry.arrival_ms = bench.now - kHour;
  entry.hosts.push_back({"a.test", 1, 2, bench.now, 0, true});
  entry.hosts.push_back({"b.test", 1, 2, bench.now, 0});
  REQUIRE(bench.schedule.add(entry, bench.now));
  const auto work = bench.take();
  REQUIRE(work);
  CHECK(work->host == "a.test");
  CHECK(work->mode == Mode::give_back);
  CHECK_FALSE(bench.take());
  CHECK(bench.schedule.audit().empty());
}

TEST_CASE("a look at the tree finds what was removed behind our back, and nothing else") {
  Bench bench;
  const auto busy = *FileName::parse(bench.add("tcp_local", {"b.test"}));
  REQUIRE(bench.take());
  const auto stays = *FileName::parse(bench.add("tcp_local", {"a.test"}));
  const auto gone = *FileName::parse(bench.add("tcp_local", {"a.test"}));
  bench.schedule.begin_look();
  CHECK(bench.schedule.saw(stays));
  CHECK_FALSE(bench.schedule.saw(*FileName::parse("tcp_local/001/ZZ9999.00")));
  const auto fresh = *FileName::parse(bench.add("tcp_local", {"c.test"}));
  const auto unseen = bench.schedule.unseen("tcp_local");
  REQUIRE(unseen.size() == 1);
  CHECK(unseen[0].relative() == gone.relative());
  CHECK(bench.schedule.size("tcp_local") == 4);
  CHECK(bench.schedule.size("unknown") == 0);
  CHECK(bench.schedule.knows(fresh));
  CHECK(bench.schedule.knows(busy));
}
