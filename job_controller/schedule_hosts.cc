// Hosts that are down, and what comes when its time has come.
#include <algorithm>

#include "job_controller/schedule_detail.h"

namespace waxwing::job_controller {

namespace {
constexpr std::int64_t kFirstPauseMs = 60 * 1000, kLongestPauseMs = 30 * kFirstPauseMs;
}  // namespace

void Schedule::host_down(Destination& destination, const std::string& why, std::int64_t now_ms) {
  destination.down_because = std::make_unique<std::string>(why);
  if (destination.blocked_until_ms > now_ms) return;  // the others of the same moment say nothing new
  if (destination.blocked_until_ms != 0) blocked_.erase({destination.blocked_until_ms, &destination});
  const auto wait = std::min(kFirstPauseMs << std::min(destination.times_down, 5U), kLongestPauseMs);
  destination.times_down += 1;
  destination.blocked_until_ms = now_ms + wait;
  destination.probing = false;
  blocked_.emplace(destination.blocked_until_ms, &destination);
  queue_notices(destination, now_ms);
}

void Schedule::unblock(Destination& destination) {
  if (destination.blocked_until_ms == 0) return;
  blocked_.erase({destination.blocked_until_ms, &destination});
  destination.blocked_until_ms = 0;
  destination.probing = false;
}

void Schedule::host_up(Destination& destination) {
  unblock(destination);
  destination.times_down = 0;
  destination.down_because.reset();
  activate(destination);
}

// Half of what is on its way, this unit counted no more.
void Schedule::narrow(Destination& destination) {
  const auto half = std::max(1U, (destination.in_flight + 1) / 2);
  if (destination.window != 0 && half >= destination.window && destination.window > 1)
    destination.window = static_cast<std::uint16_t>(destination.window - 1);
  else
    destination.window = static_cast<std::uint16_t>(std::min(half, 1000U));
  destination.went_well = 0;
}

// One more for each round; a window that nobody fills any more is none.
void Schedule::widen(Destination& destination) {
  constexpr std::uint16_t kOpen = 16;  // more than a channel program asks for
  if (destination.window == 0 || ++destination.went_well < destination.window) return;
  destination.went_well = 0;
  destination.window = destination.window < kOpen ? static_cast<std::uint16_t>(destination.window + 1) : 0;
}

// The controller looks every second: what a second allows may begin together.
void Schedule::pace(Destination& destination, std::int64_t now_ms) {
  const auto rate = destination.channel->policy.host_rate;
  if (rate == 0) return;
  constexpr std::int64_t kTogetherMs = 1000, kMinuteMs = 60'000;
  destination.next_start_ms = std::max(destination.next_start_ms, now_ms) + kMinuteMs / rate;
  const auto until_ms = destination.next_start_ms - kTogetherMs;
  if (until_ms <= now_ms) return;
  destination.paced = true;
  paced_.emplace(until_ms, &destination);
}

void Schedule::unpace(std::int64_t now_ms) {
  while (!paced_.empty() && paced_.begin()->first <= now_ms) {
    auto& destination = *paced_.begin()->second;
    paced_.erase(paced_.begin());
    destination.paced = false;
    if (destination.units > 0)
      activate(destination);
    else if (!blocked_.contains({destination.blocked_until_ms, &destination}))
      drop_destination(destination);
  }
}

// Units that wait behind a dead host are not tried, but their senders must hear of it in time. Linear in the
// host's queue, once for each time the host was found down.
void Schedule::queue_notices(Destination& destination, std::int64_t now_ms) {
  const auto& policy = destination.channel->policy;
  std::vector<Unit*> due;
  for (const auto& line : destination.lines)
    for (auto* unit = line.first; unit != nullptr; unit = unit->behind) {
      const auto& file = *unit->file;
      if (policy.next_notice_ms(file.priority, file.clock(), unit->notices) <= now_ms) due.push_back(unit);
    }
  for (auto* unit : due) {
    const auto& file = *unit->file;
    const auto limit = policy.notices_due(file.priority, file.clock(), now_ms);
    const bool over = now_ms >= policy.return_at_ms(file.priority, file.clock());
    if (!over && unit->notices >= limit) continue;
    leave_state(*unit);
    unit->mode = Mode::notify;
    unit->due_ms = now_ms;
    make_ready(*unit);
  }
}

void Schedule::tick(std::int64_t now_ms) {
  unpace(now_ms);
  while (!waiting_.empty() && waiting_.begin()->first <= now_ms) make_ready(*waiting_.begin()->second);
  while (!blocked_.empty() && blocked_.begin()->first <= now_ms) {
    auto& destination = *blocked_.begin()->second;
    blocked_.erase(blocked_.begin());
    if (destination.units == 0) {
      destination.blocked_until_ms = 0;
      if (!destination.paced) drop_destination(destination);
      continue;
    }
    // Still counted as down (blocked_until_ms stays), but one unit may go and see.
    destination.probing = true;
    activate(destination);
  }
}

}  // namespace waxwing::job_controller
