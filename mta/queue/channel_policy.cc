#include "mta/queue/channel_policy.h"

#include <algorithm>

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
std::int64_t ChannelPolicy::next_run_ms(std::int64_t wall_ms) const {
  if (period_seconds <= 0) return wall_ms;
  const std::int64_t period_ms = period_seconds * 1000;
  return (wall_ms + period_ms - 1) / period_ms * period_ms;
}

std::int64_t ChannelPolicy::next_notice_ms(Priority priority, unsigned notices_sent) const {
  const auto& list = notice_seconds[index_of(priority)];
  if (list.empty()) return 12 * kDay * 1000;
  return list[std::min<std::size_t>(notices_sent, list.size() - 1)] * 1000;
}

std::int64_t ChannelPolicy::return_age_ms(Priority priority) const {
  const auto& list = notice_seconds[index_of(priority)];
  return (list.empty() ? 12 * kDay : list.back()) * 1000;
}

unsigned ChannelPolicy::notices_due(Priority priority, std::int64_t age_ms) const {
  const auto& list = notice_seconds[index_of(priority)];
  if (list.empty()) return 0;
  const auto warnings = std::ranges::count_if(list.begin(), list.end() - 1,
                                              [&](std::int64_t seconds) { return seconds * 1000 <= age_ms; });
  return static_cast<unsigned>(warnings);
}

}  // namespace waxwing::mta::queue
