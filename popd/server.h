// What all sessions of popd share.
#pragma once

#include <memory>
#include <string>

#include "common/auth/authenticator.h"
#include "common/base/current.h"
#include "common/daemon/daemon.h"
#include "common/daemon/server_tls.h"
#include "common/daemon/sessions.h"
#include "popd/maildrop_lock.h"
#include "store/store.h"

namespace waxwing::pop {

// The pop.* options; immutable, a session keeps one until its end.
struct Settings {
  std::string banner;
  std::string host;
  std::int64_t idle_ms = 0;
  std::size_t max_sessions = 0;
  bool lock_mailbox = true;
  std::int64_t max_login_failures = 0;
  std::int64_t fail_delay_ms = 0;
  static std::shared_ptr<const Settings> from(const Config& config);
};

// Thread-safe after create().
class Server {
 public:
  // Opens store, directory and certificates; waits for neither service.
  static Result<std::unique_ptr<Server>> create(Daemon& daemon);
  ~Server();
  // Binds the ports of both services. Main loop thread.
  Result<> listen();
  // No more connections; sessions that wait for a command say goodbye. Main loop thread.
  void stop() { sessions_.stop(); }
  void reload();

  std::shared_ptr<const Settings> settings() const { return settings_.get(); }
  // Null when there is no usable certificate: STLS is not offered then.
  std::shared_ptr<const TlsServer> tls() const { return tls_.context(); }
  auth::Authenticator& logins() const { return *logins_; }
  store::Store& store() const { return *store_; }
  WorkerPool& workers() const { return daemon_.workers(); }
  MaildropLocks& locks() { return locks_; }
  const Sessions& sessions() const { return sessions_; }

 private:
  explicit Server(Daemon& daemon) : daemon_(daemon), sessions_(daemon, "pop") {}

  Daemon& daemon_;
  Current<Settings> settings_;
  ServerTls tls_;
  std::shared_ptr<store::Store> store_;
  std::shared_ptr<auth::Authenticator> logins_;
  MaildropLocks locks_;
  Sessions sessions_;
};

}  // namespace waxwing::pop
