// What follows a delivery: notifications, marks, the end of the file. Private to the frame.
//
// The order is what makes it safe to die at any point: first the notifications are durable, then the marks
// are written (durable when recipients remain), then a file without recipients is removed. Dying in between
// repeats a notification or a delivery (which the store recognizes); it never loses one.
#pragma once

#include <string>

#include "channels/master/master.h"
#include "common/net/workers.h"
#include "mta/config/mta_config.h"
#include "mta/notify/notifier.h"
#include "mta/queue/channel_policy.h"

namespace waxwing::channels {

enum class UnitMode { attempt, notify, give_back };

// What the job controller is told of a unit.
struct UnitReport {
  enum class Kind { done, deferred, held, returned } kind = Kind::done;
  std::int64_t until_ms = 0;
  unsigned notices = 0;
  bool attempted = true;
  std::string text;  // for deferred with host_down: why; for held: the reason
  bool host_down = false, congested = false;
  bool left_queue = false;  // the file, with its last recipient
};

// For units that are not to be tried: gives every pending recipient the verdict that mode asks for.
void judge_untried(Work& work, UnitMode mode, const std::string& why);

struct SettleContext {
  const mta::MtaConfig& config;
  mta::notify::Notifier& notifier;
  const mta::queue::ChannelPolicy& policy;
  mta::queue::Queue& queue;
  WorkerPool& workers;
};
Task<UnitReport> settle(Work& work, UnitMode mode, SettleContext context, std::int64_t now_ms);

}  // namespace waxwing::channels
