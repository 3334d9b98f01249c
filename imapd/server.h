// What all sessions of the daemon share.
#pragma once

#include <memory>
#include <string>

#include "common/auth/authenticator.h"
#include "common/base/current.h"
#include "common/daemon/daemon.h"
#include "common/daemon/server_tls.h"
#include "common/daemon/sessions.h"
#include "imapd/settings.h"
#include "imapd/sort/key_cache.h"
#include "store/store.h"

namespace waxwing::imap {

class Session;

class Server {
 public:
  // Opens store and directory, reads the TLS files; does not wait for either service.
  static Result<std::unique_ptr<Server>> create(Daemon& daemon);
  ~Server();

  std::shared_ptr<const Settings> settings() const { return settings_.get(); }
  // Null when there is no usable certificate: no STARTTLS then, and no port 993.
  std::shared_ptr<const TlsServer> tls() const { return tls_.context(); }
  store::Store& store() { return *store_; }
  auth::Authenticator& logins() { return *logins_; }
  WorkerPool& workers() { return daemon_.workers(); }
  // For work that waits until something is on the disk: who reads never waits behind it.
  WorkerPool& writers() { return *writers_; }
  KeyCache& sort_keys() { return sort_keys_; }
  // The capability list for a session as it stands (login, TLS).
  std::string capabilities(const Session& session) const;

  // Binds the ports. Main loop thread.
  Result<> listen();
  // No more connections, and every session says BYE. Main loop thread.
  void stop() { sessions_.stop(); }
  void reload();

 private:
  explicit Server(Daemon& daemon) : daemon_(daemon), sessions_(daemon, "imap") {}

  Daemon& daemon_;
  Current<Settings> settings_;
  ServerTls tls_;
  KeyCache sort_keys_;
  std::shared_ptr<store::Store> store_;
  std::unique_ptr<WorkerPool> writers_;
  std::shared_ptr<auth::Authenticator> logins_;
  Sessions sessions_;
};

}  // namespace waxwing::imap
