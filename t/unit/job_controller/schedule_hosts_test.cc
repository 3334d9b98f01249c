// Hosts that are down, slow or full: nobody else waits for them.
#include "t/unit/job_controller/schedule_bench.h"

#include <map>

using namespace waxwing;
using namespace waxwing::job_controller;

TEST_CASE("what cannot be tried for long makes room, what can be tried now does not") {
  Bench bench;
  bench.add("tcp_local", {"up.test"});
  CHECK_FALSE(bench.schedule.make_room(bench.now));
  for (int n = 0; n < 3; ++n) bench.add("tcp_local", {"down.test"});
  for (auto work = bench.take(); work; work = bench.take()) {
    if (work->host == "up.test")
      bench.schedule.done(work->unit);
    else
      bench.schedule.deferred(work->unit, {.host_down = "refused"}, bench.now);
  }
  const auto fresh = bench.add("ims-ms", {"ims-ms-daemon"});
  CHECK(bench.schedule.size() == 4);
  for (int n = 0; n < 3; ++n) CHECK(bench.schedule.make_room(bench.now));
  CHECK_FALSE(bench.schedule.make_room(bench.now));
  CHECK(bench.schedule.size() == 1);
  CHECK(bench.take("ims-ms")->file == fresh);
}

TEST_CASE("one dead host never blocks others, and is tried again with one message") {
  Bench bench;
  for (int i = 0; i < 1000; ++i) bench.add("tcp_local", {"dead.test"});
  const auto probe = bench.take();
  bench.add("tcp_local", {"alive.test"});
  bench.schedule.deferred(probe->unit, {.until_ms = bench.now + kDay, .host_down = "refused"}, bench.now);
  CHECK(bench.take()->host == "alive.test");
  CHECK_FALSE(bench.take());
  CHECK(bench.schedule.counts("tcp_local").hosts_down == 1);

  std::vector<std::int64_t> waits;
  for (int i = 0; i < 7; ++i) {
    const auto due = bench.next_due_ms();
    waits.push_back((due - bench.now) / kMinute);
    bench.now = due;
    const auto work = bench.take();
    REQUIRE(work);
    CHECK(work->mode == Mode::attempt);
    CHECK_FALSE(bench.take());
    bench.schedule.deferred(work->unit, {.until_ms = bench.now + kDay, .host_down = "refused"}, bench.now);
  }
  CHECK(waits == std::vector<std::int64_t>{1, 2, 4, 8, 16, 30, 30});

  bench.now = bench.next_due_ms();
  bench.schedule.done(bench.take()->unit);
  int went = 0;
  while (bench.take()) ++went;
  CHECK(went > 900);
}

TEST_CASE("connections to one host grow with its backlog by threaddepth") {
  Bench bench;
  bench.policy.threaddepth = 10;
  for (int i = 0; i < 25; ++i) bench.add("tcp_local", {"a.test"});
  std::vector<std::uint64_t> hand;
  while (const auto work = bench.take("tcp_local", 100)) hand.push_back(work->unit);
  CHECK(hand.size() == 3);
  bench.add("tcp_local", {"b.test"});
  CHECK(bench.take("tcp_local", 100)->host == "b.test");
  bench.schedule.done(hand[0]);
  CHECK(bench.take("tcp_local", 100)->host == "a.test");
  CHECK_FALSE(bench.take("tcp_local", 100));
}

TEST_CASE("what waits for a host that is down is told apart from what is ready") {
  Bench bench;
  for (int n = 0; n < 3; ++n) bench.add("tcp_local", {"down.test"});
  bench.schedule.deferred(bench.take()->unit, {.host_down = "refused"}, bench.now);
  bench.add("tcp_local", {"up.test"});
  const auto counts = bench.schedule.counts("tcp_local");
  CHECK(counts.hosts_down == 1);
  CHECK(counts.down == 2);
  CHECK(counts.ready - counts.down == 1);
}

TEST_CASE("a host that lost all its work while it was down leaves no trace") {
  Bench bench;
  const auto file = *FileName::parse(bench.add("tcp_local", {"a.test"}));
  bench.add("tcp_local", {"a.test"});
  bench.schedule.deferred(bench.take()->unit, {.host_down = "refused"}, bench.now);
  bool busy = false;
  for (int i = 0; i < 2; ++i)
    bench.schedule.forget(*FileName::parse("tcp_local/000/ZZ10000" + std::to_string(i) + ".00"), busy);
  CHECK(bench.schedule.size() == 0);
  bench.now += kHour;
  CHECK_FALSE(bench.take());
  CHECK(bench.schedule.counts("tcp_local").hosts == 0);
}

TEST_CASE("a hundred thousand messages to ten thousand hosts come and go") {
  Bench bench;
  for (int i = 0; i < 100000; ++i) bench.add("tcp_local", {"host" + std::to_string(i % 10000) + ".test"});
  CHECK(bench.schedule.size() == 100000);
  std::map<std::string, int> first_round;
  for (int i = 0; i < 10000; ++i) {
    const auto work = bench.take("tcp_local", 1);
    first_round[work->host] += 1;
    bench.schedule.done(work->unit);
  }
  CHECK(first_round.size() == 10000);  // every host once before any comes twice
  while (const auto work = bench.take("tcp_local", 1)) bench.schedule.done(work->unit);
  CHECK(bench.schedule.size() == 0);
}

TEST_CASE("a host that has had enough gets less at once, and more again after a while") {
  Bench bench;
  bench.policy.threaddepth = 1;
  for (int n = 0; n < 60; ++n) bench.add("tcp_local", {"a.test"});
  std::vector<std::uint64_t> hand;
  const auto fill = [&] {
    while (const auto unit = bench.take("tcp_local", 10)) hand.push_back(unit->unit);
    return hand.size();
  };
  const auto finish = [&] {
    bench.schedule.done(hand.back());
    hand.pop_back();
  };
  CHECK(fill() == 10);
  bench.schedule.deferred(hand.back(), {.until_ms = bench.now + kDay, .congested = true}, bench.now);
  hand.pop_back();
  while (hand.size() > 4) {
    CHECK(fill() == hand.size());  // nothing is begun while more is on its way than it wants
    finish();
  }
  CHECK(fill() == 6);  // five, and one more for the five that went well
  std::size_t most = 6;
  for (int n = 0; n < 30; ++n) {
    finish();
    const auto now = fill();
    CHECK(now >= most);
    CHECK(now <= most + 1);
    most = now;
  }
  CHECK(most > 7);
  CHECK(bench.schedule.audit().empty());
}

TEST_CASE("no more to one host than its channel allows, at once and in a minute") {
  Bench bench;
  bench.policy.host_connections = 2;
  for (const char* host : {"a.test", "b.test"})
    for (int n = 0; n < 5; ++n) bench.add("tcp_local", {host});
  std::map<std::string, int> hosts;
  while (const auto unit = bench.take()) hosts[unit->host] += 1;
  CHECK(hosts == std::map<std::string, int>{{"a.test", 2}, {"b.test", 2}});

  Bench paced;
  paced.policy.host_rate = 120;
  for (int n = 0; n < 9; ++n) paced.add("tcp_local", {"a.test"});
  const auto taken = [&] {
    int count = 0;
    while (const auto unit = paced.take()) paced.schedule.done(unit->unit), ++count;
    return count;
  };
  CHECK(taken() == 3);  // what a second allows, and the one that is over
  CHECK(taken() == 0);
  paced.now += 1000;
  paced.schedule.tick(paced.now);
  CHECK(taken() == 2);
  paced.now += 10 * kMinute;
  paced.schedule.tick(paced.now);
  CHECK(taken() == 3);
  paced.now += 1000;
  paced.schedule.tick(paced.now);
  CHECK(taken() == 1);
  CHECK(paced.schedule.audit().empty());
  paced.now += kMinute;
  paced.schedule.tick(paced.now);
  CHECK(paced.schedule.hosts("tcp_local").empty());  // forgotten when its time is over
}
