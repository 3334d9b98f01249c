// What all sessions of one smtpd process share.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/auth/authenticator.h"
#include "common/base/current.h"
#include "common/daemon/daemon.h"
#include "common/daemon/server_tls.h"
#include "common/daemon/sessions.h"
#include "common/net/dns.h"
#include "common/worker/worker.h"
#include "mta/config/mta_config.h"
#include "mta/submission/submission.h"
#include "mta/transport/tcp_options.h"
#include "smtpd/burl_settings.h"

namespace waxwing::smtpd {

// The MTA configuration with what smtpd derives from it; immutable, a session keeps one until its end.
struct Settings {
  std::shared_ptr<const mta::MtaConfig> config;
  const mta::Channel* start = nullptr;       // the service's channel, before switching
  mta::TcpOptions options;                   // of that channel
  std::string host;                          // this host as the banner names it
  std::string software;                      // in Received:
  std::string proxy_hosts, xclient_hosts;    // who may say whose a connection is; empty: nobody
  std::shared_ptr<const BurlSettings> burl;  // null: BURL is not offered
};

// Thread-safe after start.
class Server {
 public:
  static Result<std::shared_ptr<Server>> create(Daemon& daemon, WorkerService service);

  std::shared_ptr<const Settings> settings() const { return settings_.get(); }
  const std::shared_ptr<mta::Submitter>& submitter() const { return submitter_; }
  auth::Authenticator& authenticator() const { return *authenticator_; }
  // Null when there is no usable certificate: STARTTLS is not offered then.
  std::shared_ptr<const TlsServer> tls() const { return tls_.context(); }
  Daemon& daemon() const { return daemon_; }
  WorkerPool& workers() const { return daemon_.workers(); }
  Resolver& resolver(EventLoop& loop) const { return *resolvers_.at(&loop); }
  const WorkerService& service() const { return service_; }

  // One session, from its first byte to its last.
  static Task<void> serve(std::shared_ptr<Server> server, EventLoop& loop, AcceptedConnection connection);
  void stop() { sessions_.stop(); }  // main loop thread
  const Sessions& sessions() const { return sessions_; }

 private:
  Server(Daemon& daemon, WorkerService service)
      : daemon_(daemon), service_(std::move(service)), sessions_(daemon, "smtp") {}
  Result<> make_settings();
  void reload();

  Daemon& daemon_;
  WorkerService service_;
  std::shared_ptr<mta::Submitter> submitter_;
  std::shared_ptr<auth::Authenticator> authenticator_;
  ServerTls tls_;
  std::map<EventLoop*, std::unique_ptr<Resolver>> resolvers_;
  Current<Settings> settings_;
  Sessions sessions_;
};

}  // namespace waxwing::smtpd
