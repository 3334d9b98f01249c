// TERM and INT stop every service, then watcher; HUP reads msg.conf again.
#pragma once

#include <memory>
#include <vector>

#include "common/net/loop.h"
#include "watcher/control.h"
#include "watcher/supervisor.h"

struct event;

namespace waxwing {

class WatcherSignals {
 public:
  WatcherSignals(EventLoop& loop, Supervisor& supervisor, Control& control);
  ~WatcherSignals();
  WatcherSignals(const WatcherSignals&) = delete;
  void stop();  // as TERM does

 private:
  static void fired(int number, short what, void* self);
  EventLoop& loop_;
  Supervisor& supervisor_;
  Control& control_;
  std::vector<::event*> events_;
};

}  // namespace waxwing
