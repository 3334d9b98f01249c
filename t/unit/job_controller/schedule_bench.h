// A schedule with a clock that only moves when the test says so, and a disk that renames when it says so.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "job_controller/schedule.h"

namespace waxwing::job_controller {

using mta::queue::ScheduleHost;

inline constexpr std::int64_t kMinute = 60'000;
inline constexpr std::int64_t kHour = 60 * kMinute;
inline constexpr std::int64_t kDay = 24 * kHour;
inline constexpr std::int64_t kStart = 1'795'000'000'000;

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
  ~Bench() { CHECK(schedule.audit() == std::vector<std::string>{}); }

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

}  // namespace waxwing::job_controller
