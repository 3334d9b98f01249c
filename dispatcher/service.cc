#include "dispatcher/service.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/net/block_list.h"
#include "dispatcher/choice.h"
#include "dispatcher/port_access.h"
#include "mta/mail_log/mail_log.h"

namespace waxwing::dispatcher {

namespace {
// A worker that dies this young counts against starting the next one at once.
constexpr std::int64_t kYoungSeconds = 5;
constexpr std::int64_t kLongestPauseMs = 30000;
}  // namespace

Service::Service(Daemon& daemon, ServiceSettings settings, std::shared_ptr<PortAccess> access)
    : daemon_(daemon), settings_(std::move(settings)), access_(std::move(access)) {}

Result<> Service::bind() {
  for (const bool tls_first : {false, true}) {
    for (const int port : tls_first ? settings_.tls_ports : settings_.ports) {
      auto sockets = listen_on(settings_.addresses, port, settings_.listen_backlog());
      if (!sockets) return wrap(std::move(sockets.error()), "service " + settings_.name);
      for (auto& socket : *sockets) bound_.push_back({std::move(socket), tls_first});
    }
  }
  return {};
}

void Service::start() {
  if (!settings_.block_lists.empty()) {
    Resolver::Options dns;
    dns.server = daemon_.config()->text("dns.server");
    resolver_ = std::make_unique<Resolver>(daemon_.loop(), dns);
  }
  for (auto& [socket, tls_first] : bound_)
    listeners_.push_back(std::make_unique<Listener>(
        daemon_.loop(), std::move(socket),
        [this, first = tls_first](UniqueFd fd) { accepted(std::move(fd), first); }));
  bound_.clear();
  if (settings_.min_procs > 0) unready_ = daemon_.not_ready_yet();
  tick();
}

void Service::accepted(UniqueFd socket, bool tls_first) {
  spawn(admit(std::move(socket), tls_first));
}

Task<void> Service::admit(UniqueFd socket, bool tls_first) {
  auto connection = AcceptedConnection::from_socket(std::move(socket));
  connection.tls_first = tls_first;
  auto verdict = co_await access_->check(connection.local_address, connection.local_port,
                                         connection.peer_address, connection.peer_port);
  if (!verdict.syslog.empty())
    log::Event("dispatcher.port_access")
        .with("peer", connection.transport_info())
        .with("text", verdict.syslog)
        .notice();
  if (!verdict.accept) {
    log::Event("dispatcher.refused")
        .with("service", settings_.name)
        .with("peer", connection.transport_info())
        .with("text", verdict.text)
        .notice();
    if (verdict.text.empty()) verdict.text = "554 5.7.1 Access denied";
    record(connection, verdict.record ? 'T' : 'X', verdict.text);
    turn_away(std::move(connection), verdict.text);
    co_return;
  }
  if (resolver_) {
    std::string why;
    const bool listed = co_await is_listed(connection, why);
    if (listed) {
      record(connection, 'T', why);
      turn_away(std::move(connection), why);
      co_return;
    }
  }
  connection.verdict = std::move(verdict.rule_set);
  if (depends_on_count(connection)) co_await count_again();
  hand_over(std::move(connection));
}

// text: what to tell the client.
Task<bool> Service::is_listed(const AcceptedConnection& connection, std::string& text) {
  if (connection.peer_address == connection.local_address) co_return false;
  auto listing = co_await find_listing(*resolver_, settings_.block_lists, connection.peer_address);
  if (!listing) co_return false;
  log::Event("dispatcher.listed")
      .with("service", settings_.name)
      .with("peer", connection.transport_info())
      .with("zone", listing->zone)
      .with("text", listing->text)
      .notice();
  text = "554 5.7.1 [" + connection.peer_address + "] is listed by " + listing->zone;
  if (!listing->text.empty()) text += ": " + listing->text;
  co_return true;
}

std::vector<WorkerLoad> Service::loads() const {
  std::vector<WorkerLoad> all;
  all.reserve(workers_.size());
  for (const auto& worker : workers_) {
    all.push_back(worker->load());
    // Nobody is handed to a new one as long as it may turn out to be none.
    if (renewing_ && !worker->outdated()) all.back().draining = true;
  }
  return all;
}

// Programs of this host (other tiers in a sandbox, a proxy) are trusted with what they open.
bool Service::has_too_many(const AcceptedConnection& connection) const {
  if (settings_.max_client_conns == 0 || connection.peer_address == connection.local_address) return false;
  std::int64_t held = 0;
  for (const auto& worker : workers_) held += worker->connections_of(connection.peer_address);
  return held >= settings_.max_client_conns;
}

// Whether this one would be turned away, or a worker started for it, if no session had ended since the workers
// last told.
bool Service::depends_on_count(const AcceptedConnection& connection) const {
  const auto present = loads();
  return has_too_many(connection) || wants_worker(settings_, present) || pick_worker(settings_, present) < 0;
}

Task<void> Service::count_again() const {
  co_await WorkerProcess::count_again(workers_);
}

void Service::hand_over(AcceptedConnection connection) {
  if (stopping_) return turn_away(std::move(connection), "421 4.3.2 Service shutting down, try again later");
  if (has_too_many(connection)) {
    log::Event("dispatcher.client_limit")
        .with("service", settings_.name)
        .with("peer", connection.transport_info())
        .with("limit", settings_.max_client_conns)
        .notice();
    record(connection, 'X', "421 4.7.0 Too many connections from one address");
    return turn_away(std::move(connection), "421 4.7.0 Too many connections from your address");
  }
  if (wants_worker(settings_, loads())) start_worker();
  if (!hand_to_any(connection)) {
    log::Event("dispatcher.overload")
        .with("service", settings_.name)
        .with("peer", connection.transport_info())
        .warning();
    return turn_away(std::move(connection), "421 4.3.2 Too many connections, try again later");
  }
  if (const int spent = pick_retired(settings_, loads()); spent >= 0)
    workers_[static_cast<std::size_t>(spent)]->drain();
}

// A connection that no worker sees has no channel: whether it is logged is LOG_CONNECTION's affair alone.
void Service::record(const AcceptedConnection& connection, char action, std::string_view text) const {
  const auto config = access_->config();
  if (!mta::mail_log::wants(*config, mta::mail_log::Connections::opened)) return;
  const auto transport = connection.transport_info();
  mta::mail_log::Entry entry;
  entry.kind = mta::mail_log::Entry::Kind::connection;
  entry.action = action;
  entry.transport = transport;
  entry.diagnostic = text;
  mta::mail_log::write(*config, entry);
}

// To the worker whose turn it is; where that one cannot be reached, to the next. False: nobody takes it.
bool Service::hand_to_any(const AcceptedConnection& connection) {
  auto present = loads();
  for (int index; (index = pick_worker(settings_, present)) >= 0;) {
    const auto& worker = workers_[static_cast<std::size_t>(index)];
    const auto handed = worker->hand(connection);
    if (handed) return true;
    log::Event("dispatcher.handover.failed")
        .with("peer", connection.transport_info())
        .with("pid", worker->pid())
        .with("error", handed.error().text)
        .error();
    present[static_cast<std::size_t>(index)].draining = true;
  }
  return false;
}

// The text fits any socket's empty send buffer; a client on a TLS port would take it for garbage.
void Service::turn_away(AcceptedConnection connection, const std::string& text) {
  if (!connection.tls_first) {
    const std::string line = text + "\r\n";
    (void)::send(connection.fd.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  ::shutdown(connection.fd.get(), SHUT_WR);
}

WorkerProcess* Service::start_worker() {
  if (stopping_ || monotonic_ms() < no_start_before_ms_) return nullptr;
  auto worker = WorkerProcess::start(daemon_, settings_,
                                     {.ready = [this](const WorkerProcess& ready) { worker_ready(ready); },
                                      .gone = [this](WorkerProcess* gone) { worker_gone(gone); }});
  if (!worker) {
    log::Event("dispatcher.worker.unstartable")
        .with("service", settings_.name)
        .with("error", worker.error().text)
        .error();
    no_start_before_ms_ = monotonic_ms() + 1000;
    unready_.reset();
    return nullptr;
  }
  workers_.push_back(std::move(*worker));
  return workers_.back().get();
}

void Service::worker_ready(const WorkerProcess& worker) {
  if (renewing_ && !worker.outdated()) end_renewal();
  unready_.reset();
}

void Service::worker_gone(WorkerProcess* worker) {
  if (renewing_ && !worker->outdated())
    refuse_renewal("its new worker ended before it served: see log/" +
                   settings_.image.substr(settings_.image.rfind('/') + 1) + ".log");
  unready_.reset();
  const auto load = worker->load();
  const bool ended_well = load.draining;
  if (ended_well || load.age_s >= kYoungSeconds) {
    early_deaths_ = 0;
  } else {
    // The pause doubles, so that a worker that cannot start does not eat the machine; but one that was killed
    // is replaced before the next client is turned away.
    const auto pause =
        early_deaths_ == 0 ? 0 : std::int64_t{125} << std::min<std::int64_t>(early_deaths_, 10);
    early_deaths_ += 1;
    no_start_before_ms_ = monotonic_ms() + std::min(kLongestPauseMs, pause);
  }
  std::erase_if(workers_, [&](const auto& each) { return each.get() == worker; });
  reap_children();
  tick();
}

void Service::tick() {
  if (stopping_) return;
  const bool waits = renewing_ && std::ranges::any_of(workers_, &WorkerProcess::outdated);
  while (!waits && static_cast<int>(workers_.size()) < 1000) {
    const auto present = loads();
    const auto serving = std::ranges::count_if(present, [](const auto& load) { return !load.draining; });
    if (serving >= settings_.min_procs || !start_worker()) break;
  }
  if (const int retired = pick_retired(settings_, loads()); retired >= 0)
    workers_[static_cast<std::size_t>(retired)]->drain();
}

void Service::renew() {
  const auto serves = [](const auto& worker) { return !worker->load().draining; };
  if (stopping_ || std::ranges::none_of(workers_, serves)) return tick();
  for (const auto& worker : workers_) worker->set_outdated(true);
  renewing_ = true;
  no_start_before_ms_ = early_deaths_ = 0;
  unready_ = daemon_.not_ready_yet();
  if (start_worker() == nullptr) refuse_renewal("no new worker could be started");
}

void Service::end_renewal() {
  renewing_ = false;
  for (const auto& worker : workers_)
    if (worker->outdated()) worker->drain();
  tick();
}

void Service::refuse_renewal(const std::string& why) {
  const std::string text = "service " + settings_.name + " goes on with the workers it had: " + why;
  log::Event("dispatcher.renewal.refused").with("service", settings_.name).with("why", why).error();
  daemon_.reload_refused(text);
  renewing_ = false;
  for (const auto& worker : workers_) worker->set_outdated(false);
}

void Service::stop() {
  stopping_ = true;
  for (const auto& listener : listeners_) listener->stop();
  listeners_.clear();
  for (const auto& worker : workers_) worker->stop();
}

}  // namespace waxwing::dispatcher
