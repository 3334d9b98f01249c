// When mail may be tried at all: on demand, in its window, in its period; and that the books agree.
#include <catch2/catch.hpp>

#include "job_controller/schedule.h"

using namespace waxwing;
using namespace waxwing::job_controller;

namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kStart = 1'795'000'000'000;
const std::string kChannel = "tcp_dial";

struct Bench {
  std::int64_t now = kStart;
  ChannelPolicy policy;
  bool disk_is_slow = false;
  std::vector<FileName> renames;  // that the disk has not done yet
  Schedule schedule{[this](const std::string&) { return policy; },
                    [this](const FileName& name, unsigned attempts) {
                      renames.push_back(name);
                      renames.back().attempts = attempts;
                      if (!disk_is_slow) finish_rename();
                    }};
  int serial = 0;
  ~Bench() { CHECK(schedule.audit() == std::vector<std::string>{}); }

  void add(const std::string& host, Priority priority = Priority::normal, unsigned recipients = 1,
           const std::string& other_host = "") {
    ScheduleEntry entry;
    entry.name = *FileName::parse(kChannel + "/000/ZZ" + std::to_string(100000 + serial++) + ".00");
    entry.priority = priority;
    entry.arrival_ms = now;
    entry.hosts.push_back({host, recipients, 0, 0, 0});
    if (!other_host.empty() && other_host != host) entry.hosts.push_back({other_host, 1, 0, 0, 0});
    schedule.add(entry, now);
  }
  void finish_rename() {
    if (renames.empty()) return;
    const auto name = renames.front();
    renames.erase(renames.begin());
    schedule.renamed(name);
  }
  std::string take() {
    const auto work = schedule.take(kChannel, 0, now);
    if (!work) return "";
    last = work->unit;
    return work->host;
  }
  std::uint64_t last = 0;
};

}  // namespace

TEST_CASE("mail of a channel on demand waits until its host asks for it") {
  Bench bench;
  bench.policy.on_demand = true;
  bench.add("a.test");
  bench.add("a.test");
  bench.add("b.test");
  CHECK_FALSE(bench.schedule.has_work(kChannel, 0, bench.now));
  CHECK(bench.schedule.call(kChannel, "c.test") == 0);
  CHECK(bench.schedule.call(kChannel, "a.test") == 2);
  CHECK(bench.take() == "a.test");
  bench.schedule.done(bench.last);
  CHECK(bench.take() == "a.test");
  const auto second = bench.last;
  CHECK(bench.take() == "");
  bench.schedule.deferred(second, {}, bench.now);
  // What comes now, or falls due, waits for the next call.
  bench.add("a.test");
  bench.now += 24 * kHour;
  CHECK_FALSE(bench.schedule.has_work(kChannel, 0, bench.now));
  CHECK(bench.schedule.counts(kChannel).on_demand);
  CHECK(bench.schedule.call_all(kChannel) == 3);
  for (int n = 0; n < 3; ++n) CHECK(bench.take() != "");
}

TEST_CASE("a call tries what waits for its time and hosts that are down") {
  Bench bench;
  bench.add("a.test");
  CHECK(bench.take() == "a.test");
  bench.schedule.deferred(bench.last, {.host_down = "refused"}, bench.now);
  bench.add("a.test");
  CHECK(bench.take() == "");
  CHECK(bench.schedule.call(kChannel, "a.test") == 2);
  CHECK(bench.take() == "a.test");
  CHECK(bench.take() == "a.test");
}

TEST_CASE("a channel that is no longer on demand delivers what waited") {
  Bench bench;
  bench.policy.on_demand = true;
  bench.add("a.test");
  CHECK(bench.take() == "");
  bench.policy.on_demand = false;
  bench.schedule.reload_policies();
  CHECK(bench.take() == "a.test");
}

TEST_CASE("a closed window keeps a priority back, and only that") {
  Bench bench;
  std::array<bool, 3> open = {false, true, true};
  bench.schedule.set_openings([&](const std::string&) { return open; });
  bench.add("a.test", Priority::nonurgent);
  bench.add("b.test", Priority::nonurgent);
  bench.add("b.test", Priority::urgent);
  CHECK(bench.schedule.ready(kChannel) == 1);
  CHECK(bench.schedule.counts(kChannel).closed);
  CHECK(bench.take() == "b.test");
  CHECK(bench.take() == "");
  std::string state;
  bench.schedule.view(kChannel, [&](const UnitView& unit) {
    if (unit.host == "a.test") state = unit.state;
  });
  CHECK(state == "window");
  open[0] = true;
  bench.schedule.refresh_openings();
  CHECK(bench.schedule.ready(kChannel) == 2);
  CHECK_FALSE(bench.schedule.counts(kChannel).closed);
  CHECK(bench.take() == "a.test");
  CHECK(bench.take() == "b.test");
}

TEST_CASE("an operator's return goes through a closed window") {
  Bench bench;
  bench.schedule.set_openings([](const std::string&) { return std::array<bool, 3>{}; });
  bench.add("a.test");
  CHECK(bench.take() == "");
  REQUIRE(bench.schedule.give_back(*FileName::parse(kChannel + "/000/ZZ100000.00")));
  CHECK(bench.take() == "a.test");
}

TEST_CASE("after: a new message is not tried before that age") {
  Bench bench;
  bench.policy.after_seconds = 600;
  bench.add("a.test");
  CHECK_FALSE(bench.schedule.has_work(kChannel, 0, bench.now + 9 * kMinute));
  CHECK(bench.schedule.has_work(kChannel, 0, bench.now + 10 * kMinute));
}

TEST_CASE("a periodic channel tries new and old mail at the same moments") {
  Bench bench;
  bench.policy.period_seconds.fill(4 * 3600);
  const auto run = (kStart / (4 * kHour) + 1) * 4 * kHour;
  REQUIRE(run > kStart);
  bench.add("a.test");
  CHECK_FALSE(bench.schedule.has_work(kChannel, 0, run - 1));
  CHECK(bench.schedule.has_work(kChannel, 0, run));
  bench.now = run;
  CHECK(bench.take() == "a.test");
  bench.schedule.deferred(bench.last, {}, bench.now);
  CHECK_FALSE(bench.schedule.has_work(kChannel, 0, run + 4 * kHour - 1));
  CHECK(bench.schedule.has_work(kChannel, 0, run + 4 * kHour));
}

TEST_CASE("a periodic channel with maxperiodicnormal tries urgent mail when it comes, and by backoff") {
  Bench bench;
  bench.policy.period_seconds = {4 * 3600, 4 * 3600, 0};
  bench.policy.backoff_seconds[2] = {60};
  bench.add("normal.test");
  bench.add("urgent.test", Priority::urgent);
  CHECK(bench.take() == "urgent.test");
  bench.schedule.deferred(bench.last, {}, bench.now);
  CHECK_FALSE(bench.schedule.has_work(kChannel, 0, bench.now + kMinute - 1));
  CHECK(bench.schedule.has_work(kChannel, 0, bench.now + kMinute));
}

TEST_CASE("recipients that are ready are counted") {
  Bench bench;
  bench.add("a.test", Priority::normal, 30);
  bench.add("a.test", Priority::normal, 12);
  CHECK(bench.schedule.ready_recipients(kChannel) == 42);
  CHECK(bench.take() == "a.test");
  CHECK(bench.schedule.ready_recipients(kChannel) == 12);
  bench.schedule.set_stopped(kChannel, true);
  CHECK(bench.schedule.ready_recipients(kChannel) == 0);
}

TEST_CASE("what a closed window keeps back is not ready, by units and by recipients") {
  Bench bench;
  bench.schedule.set_openings([](const std::string&) { return std::array{true, false, true}; });
  bench.add("a.test", Priority::normal, 30);
  bench.add("b.test", Priority::urgent, 4);
  bench.add("c.test", Priority::nonurgent, 1);
  CHECK(bench.schedule.ready(kChannel) == 2);
  CHECK(bench.schedule.ready_recipients(kChannel) == 5);
  // No window keeps back what an operator returns.
  CHECK(bench.schedule.give_back(*FileName::parse(kChannel + "/000/ZZ100000.00")));
  CHECK(bench.schedule.ready(kChannel) == 3);
  CHECK(bench.schedule.ready_recipients(kChannel) == 35);
  bench.schedule.set_openings([](const std::string&) { return std::array{false, false, false}; });
  CHECK(bench.schedule.ready(kChannel) == 1);
  CHECK(bench.schedule.ready_recipients(kChannel) == 30);
  CHECK(bench.take() == "a.test");
  CHECK(bench.schedule.ready_recipients(kChannel) == 0);
}

TEST_CASE("the books agree whatever happens") {
  Bench bench;
  bench.disk_is_slow = true;
  std::uint32_t dice = 1;
  const auto roll = [&](std::uint32_t sides) {
    dice = dice * 1664525 + 1013904223;
    return (dice >> 8) % sides;
  };
  std::vector<std::uint64_t> hand;
  std::size_t most_renames = 0;
  const auto any_file = [&] {
    return *FileName::parse(kChannel + "/000/ZZ" + std::to_string(100000 + roll(1000)) + ".00");
  };
  for (int step = 0; step < 5000; ++step) {
    bool busy = false;
    switch (roll(15)) {
      case 0:
      case 1:
        bench.add("h" + std::to_string(roll(7)) + ".test", static_cast<Priority>(roll(3)), roll(5) + 1,
                  "h" + std::to_string(roll(7)) + ".test");
        break;
      case 2:
      case 3:
        if (bench.take() != "") hand.push_back(bench.last);
        break;
      case 4:
        bench.schedule.call(kChannel, "h" + std::to_string(roll(7)) + ".test");
        break;
      case 5:
        bench.now += roll(60) * kMinute;
        bench.schedule.tick(bench.now);
        break;
      case 6:
        bench.schedule.set_openings([open = roll(8)](const std::string&) {
          return std::array{(open & 1) != 0, (open & 2) != 0, (open & 4) != 0};
        });
        break;
      case 7:
        bench.schedule.give_back(any_file());
        break;
      case 8:
        bench.schedule.forget(any_file(), busy);
        break;
      case 9:
        if (roll(20) == 0) bench.schedule.retry_now(kChannel);
        break;
      case 10:
        bench.finish_rename();
        break;
      case 11:
        if (roll(20) == 0) bench.schedule.make_room(bench.now);
        break;
      default:
        if (hand.empty()) break;
        if (roll(3) == 0)
          bench.schedule.done(hand.back());
        else if (roll(2) == 0)
          bench.schedule.deferred(hand.back(), {.host_down = roll(2) == 0 ? "dead" : ""}, bench.now);
        else
          bench.schedule.returned(hand.back(), true, bench.now);
        hand.pop_back();
    }
    most_renames = std::max(most_renames, bench.renames.size());
    if (step % 500 == 0) REQUIRE(bench.schedule.audit() == std::vector<std::string>{});
  }
  CHECK(most_renames > 2);
  while (!bench.renames.empty()) bench.finish_rename();
}
