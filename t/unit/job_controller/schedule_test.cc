#include "job_controller/schedule.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <map>

using namespace waxwing;
using namespace waxwing::job_controller;
using mta::queue::ScheduleHost;

namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kStart = 1'795'000'000'000;

// A schedule with a clock that only moves when the test says so.
struct Bench {
  std::int64_t now = kStart;
  ChannelPolicy policy;
  std::vector<std::string> renamed;
  bool disk_is_slow = false;
  Schedule schedule{[this](const std::string&) { return policy; },
                    [this](const FileName& name, unsigned attempts) {
                      auto to = name;
                      to.attempts = attempts;
                      renamed.push_back(to.relative());
                      if (!disk_is_slow) schedule.renamed(to);
                    }};
  int serial = 0;

  std::string add(const std::string& channel, std::vector<std::string> hosts,
                  Priority priority = Priority::normal, unsigned attempts = 0,
                  std::int64_t last_attempt_ms = 0) {
    ScheduleEntry entry;
    entry.name = *FileName::parse(channel + "/000/ZZ" + std::to_string(100000 + serial++) + ".00");
    entry.priority = priority;
    entry.arrival_ms = now;
    entry.size_bytes = 1000;
    for (const auto& host : hosts) entry.hosts.push_back({host, 1, attempts, last_attempt_ms, 0});
    schedule.add(entry, now);
    return entry.name.relative();
  }
  std::optional<Assignment> take(const std::string& channel = "tcp_local", unsigned per_host = 0) {
    const bool has_work = schedule.has_work(channel, per_host, now);
    auto work = schedule.take(channel, per_host, now);
    CHECK(work.has_value() == has_work);
    return work;
  }
  // When the first of those that wait may be tried; the end of time when nothing waits.
  std::int64_t next_due_ms() const {
    auto first = std::numeric_limits<std::int64_t>::max();
    for (const auto& channel : schedule.channels())
      schedule.view(channel, [&](const UnitView& unit) {
        if (unit.due_ms != 0) first = std::min(first, unit.due_ms);
      });
    return first;
  }
};

}  // namespace

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

TEST_CASE("the waiting times of a failing message are those of the channel, and its name steps down") {
  Bench bench;
  bench.policy.backoff_seconds[1] = {300, 600, 1200};
  bench.add("tcp_local", {"a.test"});
  std::vector<std::int64_t> waits;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const auto work = bench.take();
    REQUIRE(work);
    bench.schedule.deferred(work->unit, {}, bench.now);
    CHECK_FALSE(bench.take());
    const auto due = bench.next_due_ms();
    waits.push_back((due - bench.now) / 1000);
    bench.now = due - 1;
    CHECK_FALSE(bench.take());
    bench.now = due;
  }
  CHECK(waits == std::vector<std::int64_t>{300, 600, 1200, 1200, 1200});
  CHECK(bench.renamed.front() == "tcp_local/000/ZY100000.00");
  CHECK(bench.renamed.back() == "tcp_local/000/ZU100000.00");
  CHECK(bench.take()->file == "tcp_local/000/ZU100000.00");
}

TEST_CASE("while the disk renames a file nothing of it is given out, and everything else is") {
  Bench bench;
  bench.disk_is_slow = true;
  const auto name = *FileName::parse(bench.add("tcp_local", {"a.test", "b.test"}));
  const auto other = bench.add("tcp_local", {"b.test"});
  const auto work = bench.take();
  REQUIRE(work);
  CHECK(work->host == "a.test");
  bench.schedule.deferred(work->unit, {}, bench.now);
  CHECK(bench.schedule.is_renaming(name));
  CHECK(bench.take()->file == other);
  CHECK_FALSE(bench.take());
  CHECK(bench.schedule.audit().empty());
  CHECK(bench.schedule.counts("tcp_local").ready == 1);

  bool busy = false;
  CHECK_FALSE(bench.schedule.forget(name, busy));
  CHECK(busy);
  bench.schedule.begin_look();
  CHECK(bench.schedule.unseen("tcp_local").empty());  // one is in work, the other neither here nor there

  bench.schedule.renamed(*FileName::parse(bench.renamed.at(0)));
  CHECK_FALSE(bench.schedule.is_renaming(name));
  const auto after = bench.take();
  REQUIRE(after);
  CHECK(after->host == "b.test");
  CHECK(after->file == "tcp_local/000/ZY100000.00");
  CHECK(bench.schedule.audit().empty());
}

TEST_CASE("a file that is given back while it is renamed goes as soon as it has its name") {
  Bench bench;
  bench.disk_is_slow = true;
  const auto name = *FileName::parse(bench.add("tcp_local", {"a.test"}));
  bench.schedule.deferred(bench.take()->unit, {}, bench.now);
  CHECK(bench.schedule.give_back(name));
  CHECK_FALSE(bench.take());
  bench.schedule.renamed(name);  // it could not be
  const auto work = bench.take();
  REQUIRE(work);
  CHECK(work->mode == Mode::give_back);
  CHECK(work->file == name.relative());
}

TEST_CASE("a file that made room while it was renamed is not known again under its old name") {
  Bench bench;
  bench.disk_is_slow = true;
  const auto name = *FileName::parse(bench.add("tcp_local", {"a.test"}));
  bench.schedule.deferred(bench.take()->unit, {}, bench.now);
  REQUIRE(bench.schedule.make_room(bench.now));
  CHECK(bench.schedule.size() == 0);
  ScheduleEntry entry;
  entry.name = name;
  entry.hosts.push_back({"a.test", 1, 0, 0, 0});
  CHECK_FALSE(bench.schedule.add(entry, bench.now));
  const auto now_called = *FileName::parse(bench.renamed.at(0));
  bench.schedule.renamed(now_called);
  entry.name = now_called;
  CHECK(bench.schedule.add(entry, bench.now));
  CHECK(bench.take()->file == now_called.relative());
}

TEST_CASE("a message that is held is not renamed on its way") {
  Bench bench;
  bench.add("tcp_local", {"a.test", "b.test", "c.test"});
  const auto first = bench.take(), second = bench.take();
  bench.schedule.deferred(first->unit, {}, bench.now);
  CHECK(bench.schedule.forget_file_of(second->unit)->attempts == 0);
  CHECK(bench.renamed.empty());
}

TEST_CASE("the default times of normal, urgent and nonurgent messages") {
  const ChannelPolicy policy;
  CHECK(policy.backoff_ms(Priority::normal, 1) == 30 * kMinute);
  CHECK(policy.backoff_ms(Priority::normal, 2) == kHour);
  CHECK(policy.backoff_ms(Priority::normal, 4) == 2 * kHour);
  CHECK(policy.backoff_ms(Priority::normal, 99) == 4 * kHour);
  CHECK(policy.backoff_ms(Priority::urgent, 1) == 15 * kMinute);
  CHECK(policy.backoff_ms(Priority::nonurgent, 1) == kHour);
  const mta::queue::Clock clock{kStart};
  CHECK(policy.notices_due(Priority::normal, clock, kStart + 3 * kDay - 1) == 0);
  CHECK(policy.notices_due(Priority::normal, clock, kStart + 3 * kDay) == 1);
  CHECK(policy.notices_due(Priority::normal, clock, kStart + 100 * kDay) == 3);
  CHECK(policy.return_at_ms(Priority::normal, clock) == kStart + 12 * kDay);
}

TEST_CASE("the sender's own time stands among the channel's") {
  ChannelPolicy policy;
  policy.notice_seconds[1] = {3600, 7200, 10800};
  struct Row {
    std::int64_t by;
    bool returns;
    std::vector<std::int64_t> due;  // warnings and the return
  };
  for (const auto& row :
       {Row{0, false, {kHour, 2 * kHour, 3 * kHour}},
        Row{90 * kMinute, false, {kHour, 90 * kMinute, 2 * kHour, 3 * kHour}},
        Row{-5000, false, {-5000, kHour, 2 * kHour, 3 * kHour}},
        Row{150 * kMinute, false, {kHour, 2 * kHour, 150 * kMinute, 3 * kHour}},
        Row{9 * kHour, false, {kHour, 2 * kHour, 3 * kHour}}, Row{90 * kMinute, true, {kHour, 90 * kMinute}},
        Row{9 * kHour, true, {kHour, 2 * kHour, 3 * kHour}}}) {
    INFO(row.by << row.returns);
    const mta::queue::Clock clock{kStart, row.by == 0 ? 0 : kStart + row.by, row.returns};
    CHECK(policy.return_at_ms(Priority::normal, clock) == kStart + row.due.back());
    for (unsigned sent = 0; sent < row.due.size(); ++sent) {
      const auto at = kStart + row.due[sent];
      CHECK(policy.next_notice_ms(Priority::normal, clock, sent) == at);
      if (sent + 1 == row.due.size()) break;
      CHECK(policy.notices_due(Priority::normal, clock, at - 1) == sent);
      CHECK(policy.notices_due(Priority::normal, clock, at) == sent + 1);
    }
  }
}

TEST_CASE("a message with a time of its own is due by then, and one that is held not before") {
  Bench bench;
  bench.policy.backoff_seconds[1] = {4 * 3600};
  ScheduleEntry entry;
  entry.name = *FileName::parse("tcp_local/000/ZZ1.00");
  entry.arrival_ms = bench.now;
  entry.not_before_ms = bench.now + 2 * kHour;
  entry.by_ms = bench.now + 3 * kHour, entry.by_returns = true;
  entry.hosts.push_back({"a.test", 1, 0, 0, 0});
  REQUIRE(bench.schedule.add(entry, bench.now));
  CHECK(bench.next_due_ms() == kStart + 2 * kHour);
  bench.now = kStart + 2 * kHour;
  const auto unit = bench.take();
  REQUIRE(unit);
  bench.schedule.deferred(unit->unit, {}, bench.now);
  CHECK(bench.next_due_ms() == kStart + 3 * kHour);
  // A controller that starts anew has it from the file.
  entry.hosts[0] = {"a.test", 1, 1, bench.now, 0};
  Bench other;
  other.policy = bench.policy;
  REQUIRE(other.schedule.add(entry, bench.now));
  CHECK(other.next_due_ms() == kStart + 3 * kHour);
}

TEST_CASE("a wait ends early when a warning or the return falls due") {
  Bench bench;
  bench.policy.backoff_seconds[1] = {4 * 3600};
  bench.policy.notice_seconds[1] = {3600, 6 * 3600};
  bench.add("tcp_local", {"a.test"});
  bench.schedule.deferred(bench.take()->unit, {}, bench.now);
  CHECK(bench.next_due_ms() == kStart + kHour);
  bench.now = kStart + kHour;
  bench.schedule.deferred(bench.take()->unit, {.notices = 1}, bench.now);
  CHECK(bench.next_due_ms() == kStart + 5 * kHour);
  bench.now = kStart + 5 * kHour;
  bench.schedule.deferred(bench.take()->unit, {.notices = 1}, bench.now);
  CHECK(bench.next_due_ms() == kStart + 6 * kHour);
}

TEST_CASE("what was tried before a restart keeps its waiting time") {
  Bench bench;
  bench.add("tcp_local", {"a.test"}, Priority::normal, 2, kStart - 10 * kMinute);
  CHECK_FALSE(bench.take());
  CHECK(bench.next_due_ms() == kStart + 50 * kMinute);
  bench.add("tcp_local", {"b.test"}, Priority::normal, 1, kStart - 31 * kMinute);
  CHECK(bench.take()->host == "b.test");
}

TEST_CASE("immurgent makes other messages wait a backoff time first") {
  Bench bench;
  bench.policy.immediate = {false, false, true};
  bench.add("tcp_local", {"a.test"});
  const auto urgent = bench.add("tcp_local", {"a.test"}, Priority::urgent);
  CHECK(bench.take()->file == urgent);
  CHECK_FALSE(bench.take());
  bench.now += 30 * kMinute;
  CHECK(bench.take());
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

TEST_CASE("units behind a dead host come out for their notices without being tried") {
  Bench bench;
  bench.policy.notice_seconds[1] = {3600, 7200};
  bench.policy.backoff_seconds[1] = {600};
  for (int i = 0; i < 4; ++i) bench.add("tcp_local", {"dead.test"});
  bench.schedule.deferred(bench.take()->unit, {.until_ms = bench.now + kDay, .host_down = "no route"},
                          bench.now);
  int attempts = 0;
  std::vector<std::int64_t> notified;
  while (bench.now < kStart + 3 * kHour && notified.size() < 2) {
    bench.now = bench.next_due_ms();
    while (const auto work = bench.take()) {
      if (work->mode == Mode::notify) {
        CHECK(work->why == "no route");
        notified.push_back(bench.now);
        if (notified.size() == 2)
          bench.schedule.done(work->unit);
        else
          bench.schedule.deferred(work->unit, {.notices = 1, .attempted = false}, bench.now);
        continue;
      }
      ++attempts;
      bench.schedule.deferred(work->unit, {.until_ms = bench.now + 1, .host_down = "no route"}, bench.now);
      break;
    }
  }
  CHECK(attempts > 3);
  CHECK(notified.size() == 2);
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
