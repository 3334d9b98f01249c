// What watcher does without being asked, when the system has started it with --foreground.
#pragma once

#include "common/net/loop.h"
#include "common/net/task.h"
#include "watcher/control.h"
#include "watcher/notify.h"
#include "watcher/supervisor.h"

namespace waxwing {

// Starts every enabled service and tells the service manager when each runs, or has failed once and is tried
// again.
Task<void> start_all(EventLoop& loop, Supervisor& supervisor, Control& control,
                     const ServiceManager& manager);

}  // namespace waxwing
