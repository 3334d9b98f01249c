// What all sessions of one smtpd process share.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "common/auth/authenticator.h"
#include "common/daemon/daemon.h"
#include "common/daemon/server_tls.h"
#include "common/net/dns.h"
#include "common/worker/worker.h"
#include "mta/config/mta_config.h"
#include "mta/submission/submission.h"
#include "mta/transport/tcp_options.h"

namespace waxwing::smtpd {

class Session;

// The MTA configuration with what smtpd derives from it; immutable, a session keeps one until its end.
struct Picture {
  std::shared_ptr<const mta::MtaConfig> config;
  const mta::Channel* start = nullptr;  // the service's channel, before switching
  mta::TcpOptions options;              // of that channel
  std::string host;                     // this host as the banner names it
  std::string software;                 // in Received:
};

// Thread-safe after start.
class Server {
 public:
  static Result<std::shared_ptr<Server>> create(Daemon& daemon, WorkerService service);

  std::shared_ptr<const Picture> picture() const;
  const std::shared_ptr<mta::Submitter>& submitter() const { return submitter_; }
  auth::Authenticator& authenticator() const { return *authenticator_; }
  // Null when there is no usable certificate: STARTTLS is not offered then.
  std::shared_ptr<const TlsServer> tls() const { return tls_.context(); }
  Daemon& daemon() const { return daemon_; }
  WorkerPool& workers() const { return daemon_.workers(); }
  Resolver& resolver(EventLoop& loop) const { return *resolvers_.at(&loop); }
  const WorkerService& service() const { return service_; }

  bool stopping() const { return worker_ && worker_->stopping(); }
  void set_worker(WorkerSide* worker) { worker_ = worker; }
  // Sessions enter and leave on their own loop; wake_all() may be called on any.
  void enter(Session& session, EventLoop& loop);
  void leave(Session& session);
  void wake_all();

 private:
  Server(Daemon& daemon, WorkerService service) : daemon_(daemon), service_(std::move(service)) {}
  Result<> make_picture();
  void reload();

  Daemon& daemon_;
  WorkerService service_;
  WorkerSide* worker_ = nullptr;
  std::shared_ptr<mta::Submitter> submitter_;
  std::shared_ptr<auth::Authenticator> authenticator_;
  ServerTls tls_;
  std::map<EventLoop*, std::unique_ptr<Resolver>> resolvers_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Picture> picture_;
  std::map<Session*, EventLoop*> sessions_;
};

}  // namespace waxwing::smtpd
