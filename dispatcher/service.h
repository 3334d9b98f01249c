// One [SERVICE=...]: its listening sockets, its workers, and the way of a connection from one to the other.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/daemon/daemon.h"
#include "common/net/dns.h"
#include "common/net/listener.h"
#include "dispatcher/settings.h"
#include "dispatcher/worker_process.h"

namespace waxwing::dispatcher {

class PortAccess;

// Lives on the main loop.
class Service {
 public:
  Service(Daemon& daemon, ServiceSettings settings, std::shared_ptr<PortAccess> access);

  // Binds every address and port; error when one cannot be bound. No connection is accepted before start().
  Result<> bind();
  void start();
  // Stops listening and lets all workers finish: sessions between two messages end at once.
  void stop();
  // Replaces every worker: the present ones finish their sessions (after a reload of the configuration).
  void renew();
  // Once a second: retires old and idle workers, keeps MIN_PROCS.
  void tick();

  const std::string& name() const { return settings_.name; }
  std::size_t workers() const { return workers_.size(); }

 private:
  void accepted(UniqueFd socket, bool tls_first);
  Task<void> admit(UniqueFd socket, bool tls_first);
  Task<bool> is_listed(const AcceptedConnection& connection, std::string& text);
  void hand_over(AcceptedConnection connection);
  void turn_away(AcceptedConnection connection, const std::string& text);
  WorkerProcess* start_worker();
  void worker_gone(WorkerProcess* worker);
  std::vector<struct WorkerLoad> loads() const;
  bool has_too_many(const AcceptedConnection& connection) const;

  Daemon& daemon_;
  ServiceSettings settings_;
  std::shared_ptr<PortAccess> access_;
  std::unique_ptr<Resolver> resolver_;  // where there are block lists
  struct Bound {
    UniqueFd socket;
    bool tls_first;
  };
  std::vector<Bound> bound_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::shared_ptr<WorkerProcess>> workers_;
  std::int64_t no_start_before_ms_ = 0;  // after a worker died early
  std::int64_t early_deaths_ = 0;
  std::shared_ptr<void> unready_;  // until its first worker serves, or has died in the attempt
  bool stopping_ = false;
};

}  // namespace waxwing::dispatcher
