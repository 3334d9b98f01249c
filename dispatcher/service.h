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
  // Replaces every worker (after a reload of the configuration): the present ones finish their sessions, from
  // the moment when a new one serves. When none comes to that, they stay and the reload is refused.
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
  void record(const AcceptedConnection& connection, char action, std::string_view text) const;
  bool hand_to_any(const AcceptedConnection& connection);
  void turn_away(AcceptedConnection connection, const std::string& text);
  WorkerProcess* start_worker();
  void worker_ready(const WorkerProcess& worker);
  void worker_gone(WorkerProcess* worker);
  void end_renewal();
  void refuse_renewal(const std::string& why);
  std::vector<struct WorkerLoad> loads() const;
  bool has_too_many(const AcceptedConnection& connection) const;
  bool depends_on_count(const AcceptedConnection& connection) const;
  Task<void> count_again() const;

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
  // Until its first worker serves, at the start or after a reload, or has died in the attempt.
  std::shared_ptr<void> unready_;
  bool renewing_ = false;
  bool stopping_ = false;
};

}  // namespace waxwing::dispatcher
