// Hosts that are down, and what comes when its time has come.
#include <algorithm>

#include "job_controller/schedule_detail.h"

namespace waxwing::job_controller {

namespace {
constexpr std::int64_t kFirstPauseMs = 60 * 1000, kLongestPauseMs = 30 * kFirstPauseMs;
}  // namespace

void Schedule::host_down(Destination& destination, const std::string& why, std::int64_t now_ms) {
  destination.why_down = why;
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
  destination.why_down.clear();
  activate(destination);
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
  while (!waiting_.empty() && waiting_.begin()->first <= now_ms) make_ready(*waiting_.begin()->second);
  while (!blocked_.empty() && blocked_.begin()->first <= now_ms) {
    auto& destination = *blocked_.begin()->second;
    blocked_.erase(blocked_.begin());
    if (destination.units == 0) {
      drop_destination(destination);
      continue;
    }
    // Still counted as down (blocked_until_ms stays), but one unit may go and see.
    destination.probing = true;
    activate(destination);
  }
}

}  // namespace waxwing::job_controller
