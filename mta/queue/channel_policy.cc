#include "mta/queue/channel_policy.h"

#include <algorithm>
#include <span>

namespace waxwing::mta::queue {

namespace {
constexpr std::int64_t kMinute = 60;
constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 86400;
std::size_t index_of(Priority priority) {
  return static_cast<std::size_t>(priority);
}
}  // namespace

ChannelPolicy::ChannelPolicy() {
  backoff_seconds[0] = {kHour, 2 * kHour, 2 * kHour, 4 * kHour, 8 * kHour};
  backoff_seconds[1] = {30 * kMinute, kHour, kHour, 2 * kHour, 4 * kHour};
  backoff_seconds[2] = {15 * kMinute, 30 * kMinute, kHour, kHour, 2 * kHour};
  for (auto& list : notice_seconds) list = {3 * kDay, 6 * kDay, 9 * kDay, 12 * kDay};
}

std::int64_t ChannelPolicy::backoff_ms(Priority priority, unsigned attempts) const {
  const auto& list = backoff_seconds[index_of(priority)];
  if (list.empty()) return kHour * 1000;
  const std::size_t at = std::min<std::size_t>(attempts == 0 ? 0 : attempts - 1, list.size() - 1);
  return list[at] * 1000;
}

// Counted from midnight UTC of the epoch: periods that divide a day begin at the same times every day.
std::int64_t ChannelPolicy::next_run_ms(Priority priority, std::int64_t wall_ms) const {
  const auto period_ms = period_seconds[index_of(priority)] * 1000;
  if (period_ms <= 0) return wall_ms;
  return (wall_ms + period_ms - 1) / period_ms * period_ms;
}

namespace {
// Of a list of ages the last is that of the return.
std::span<const std::int64_t> warnings_of(const std::vector<std::int64_t>& ages) {
  return std::span(ages).first(ages.empty() ? 0 : ages.size() - 1);
}
}  // namespace

std::int64_t ChannelPolicy::return_at_ms(Priority priority, const Clock& clock) const {
  const auto& list = notice_seconds[index_of(priority)];
  const auto usual = clock.begun_ms + (list.empty() ? 12 * kDay : list.back()) * 1000;
  return clock.by_returns && clock.by_ms != 0 ? std::min(usual, clock.by_ms) : usual;
}

std::int64_t ChannelPolicy::next_notice_ms(Priority priority, const Clock& clock,
                                           unsigned notices_sent) const {
  const auto last = return_at_ms(priority, clock);
  bool late = clock.by_ms != 0 && !clock.by_returns;  // one warning more, somewhere among the others
  for (const auto age : warnings_of(notice_seconds[index_of(priority)])) {
    const auto at = clock.begun_ms + age * 1000;
    if (late && clock.by_ms <= at) {
      late = false;
      if (notices_sent-- == 0) return std::min(clock.by_ms, last);
    }
    if (notices_sent-- == 0) return std::min(at, last);
  }
  return late && notices_sent == 0 ? std::min(clock.by_ms, last) : last;
}

unsigned ChannelPolicy::notices_due(Priority priority, const Clock& clock, std::int64_t now_ms) const {
  const auto warnings =
      std::ranges::count_if(warnings_of(notice_seconds[index_of(priority)]),
                            [&](std::int64_t seconds) { return clock.begun_ms + seconds * 1000 <= now_ms; });
  const bool late = clock.by_ms != 0 && !clock.by_returns && clock.by_ms <= now_ms;
  return static_cast<unsigned>(warnings) + (late ? 1 : 0);
}

}  // namespace waxwing::mta::queue
