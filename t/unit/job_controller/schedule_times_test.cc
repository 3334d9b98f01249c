// When a message is tried, warned of and given back.
#include "t/unit/job_controller/schedule_bench.h"

using namespace waxwing;
using namespace waxwing::job_controller;

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

TEST_CASE("a message that is released is tried without its backoff, and nothing else is") {
  Bench bench;
  const auto released = *FileName::parse(bench.add("tcp_local", {"a.test", "b.test"}));
  bench.add("tcp_local", {"a.test"});
  for (int n = 0; n < 3; ++n) bench.schedule.deferred(bench.take()->unit, {}, bench.now);
  CHECK_FALSE(bench.take());
  bench.schedule.retry_now(released);
  CHECK(bench.take()->file == "tcp_local/000/ZY100000.00");
  CHECK(bench.take()->file == "tcp_local/000/ZY100000.00");
  CHECK_FALSE(bench.take());
  bench.schedule.retry_now(*FileName::parse("tcp_local/000/ZZ77.00"));  // of which nothing is known
}

TEST_CASE("a message that waits for its first time goes on waiting when it is released") {
  Bench bench;
  ScheduleEntry entry;
  entry.name = *FileName::parse("tcp_local/000/ZZ1.00");
  entry.arrival_ms = bench.now;
  entry.not_before_ms = bench.now + kHour;
  entry.hosts.push_back({"a.test", 1, 0, 0, 0});
  REQUIRE(bench.schedule.add(entry, bench.now));
  bench.schedule.retry_now(entry.name);
  CHECK_FALSE(bench.take());
  CHECK(bench.next_due_ms() == kStart + kHour);
}
