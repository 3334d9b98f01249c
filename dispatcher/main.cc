// dispatcher: owns the ports of SMTP, submission and LMTP, and hands each connection to a worker process.
//
//   config/dispatcher.cnf → services → bind every port → for each connection: PORT_ACCESS → the least loaded
//   worker that may take one more (a new one when all are busy) → the descriptor goes over its socket.
//
// It reads not one byte of a client. Workers outlive it: when it ends, or is killed, they finish the sessions
// they have, and the next dispatcher binds the ports again and starts workers of its own.
// See dispatcher(8), dispatcher.cnf(5).
#include <memory>
#include <vector>

#include "common/daemon/daemon.h"
#include "common/daemon/server_tls.h"
#include "common/log/log.h"
#include "dispatcher/port_access.h"
#include "dispatcher/service.h"
#include "dispatcher/settings.h"

using namespace waxwing;
using namespace waxwing::dispatcher;

namespace {

// From the published build, so that a half-edited file never takes effect.
Result<Settings> read_settings(const Config& config, const mta::MtaConfig& published) {
  return parse_settings(published.text("dispatcher.cnf"), "dispatcher.cnf", options_of(config));
}

struct Dispatcher {
  std::shared_ptr<PortAccess> access;
  ServerTls tls;  // the workers' certificates, to know whether new workers could use them
  std::vector<std::unique_ptr<Service>> services;
  std::unique_ptr<EventLoop::Timer> clock;
  std::vector<Daemon::SessionHandle> open;  // keeps the process while workers say goodbye

  void tick() {
    reap_children();
    std::size_t workers = 0;
    for (const auto& service : services) service->tick(), workers += service->workers();
    if (workers == 0) open.clear();
  }
};

Result<> start(Daemon& daemon) {
  auto& self = *new Dispatcher;  // lives as long as the process
  TRY(self.access, PortAccess::create(daemon));
  TRY(auto settings, read_settings(*daemon.config(), *self.access->config()));
  for (const auto& note : settings.notes) log::Event("dispatcher.config.note").with("text", note).notice();
  for (auto& service : settings.services) {
    if (service.ports.empty() && service.tls_ports.empty()) continue;  // turned off
    self.services.push_back(std::make_unique<Service>(daemon, std::move(service), self.access));
    TRY_VOID(self.services.back()->bind());
  }
  for (const auto& service : self.services) service->start();
  self.clock = daemon.loop().every(1000, [&self] { self.tick(); });
  self.tls.load(*daemon.config());
  daemon.on_reload([&self, &daemon] {
    const auto trouble = self.tls.load(*daemon.config());
    if (!trouble.empty()) daemon.reload_refused(trouble);
    if (!trouble.empty() && self.tls.context()) return;  // new workers would have none; the old ones stay
    self.access->reload();
    for (const auto& service : self.services) service->renew();
  });
  daemon.on_stop([&self, &daemon] {
    self.open.push_back(daemon.session());
    for (const auto& service : self.services) service->stop();
    self.clock = daemon.loop().every(20, [&self] { self.tick(); });
  });
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, "dispatcher", {.loops = 1, .grace_ms = 2000}, start);
}
