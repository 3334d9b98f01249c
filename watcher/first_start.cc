#include "watcher/first_start.h"

#include <algorithm>
#include <string>

#include "common/base/space.h"

namespace waxwing {

namespace {
constexpr std::int64_t kRoomMs = 2'000;
}  // namespace

Task<void> start_all(EventLoop& loop, Supervisor& supervisor, Control& control,
                     const ServiceManager& manager) {
  const Control::Tell nobody = [](const Record&) {};
  for (;;) {
    auto tell = nobody;
    const auto free = co_await control.make_way(true, std::move(tell));
    if (free) break;
    manager.tell("READY=1\nSTATUS=nothing is started: " + free.error().text);
    if (!is_no_space(free.error())) co_return;
    co_await loop.sleep(kRoomMs);  // somebody may have made room
  }
  const auto services = supervisor.enabled();
  for (Service* service : services) supervisor.start(*service);
  const auto failed = [](const Service* s) { return s->deaths > 0; };
  // One that waits when another has failed waits for that one.
  const auto on_its_way = [&](const Service* s) {
    if (s->state == ServiceState::waiting) return std::ranges::none_of(services, failed);
    return s->state == ServiceState::starting && !failed(s);
  };
  while (std::ranges::any_of(services, on_its_way)) co_await supervisor.changed().wait(1000);
  std::string troubles;
  for (const Service* service : services)
    if (service->state != ServiceState::running)
      troubles += (troubles.empty() ? "" : ", ") + std::string(service->spec->name);
  manager.tell("READY=1\nSTATUS=" + (troubles.empty()
                                         ? "all services run"
                                         : "not running: " + troubles + "; see start-msg --status"));
}

}  // namespace waxwing
