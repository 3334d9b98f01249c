#include "watcher/signals.h"

#include <event2/event.h>

#include <csignal>

#include "common/log/log.h"

namespace waxwing {

namespace {
Task<void> stop_everything(EventLoop& loop, Supervisor& supervisor) {
  supervisor.stop_all();
  while (!supervisor.all_stopped()) co_await supervisor.changed().wait(1000);
  std::vector<std::string_view> names;
  for (const auto& service : supervisor.services()) names.push_back(service->spec->name);
  Helpers::Tell tell = [](std::string_view, const Helper&) {};
  co_await supervisor.end_helpers(std::move(names), std::move(tell));
  loop.stop();
}
}  // namespace

WatcherSignals::WatcherSignals(EventLoop& loop, Supervisor& supervisor, Control& control)
    : loop_(loop), supervisor_(supervisor), control_(control) {
  std::signal(SIGPIPE, SIG_IGN);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) {
    events_.push_back(evsignal_new(loop.base(), number, &WatcherSignals::fired, this));
    ::event_add(events_.back(), nullptr);
  }
  // Blocked when this process has just become a new program: what came meanwhile is handled now.
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

WatcherSignals::~WatcherSignals() {
  for (::event* event : events_) ::event_free(event);
}

void WatcherSignals::fired(int number, short, void* self) {
  auto& signals = *static_cast<WatcherSignals*>(self);
  if (number == SIGHUP) {
    (void)signals.control_.reload();  // it has logged what was wrong
    return;
  }
  log::Event("watcher.stopping").with("signal", number).notice();
  signals.stop();
}

void WatcherSignals::stop() {
  spawn(stop_everything(loop_, supervisor_));
}

}  // namespace waxwing
