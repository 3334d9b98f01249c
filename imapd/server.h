// What all sessions of the daemon share.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "common/auth/authenticator.h"
#include "common/base/file.h"
#include "common/daemon/daemon.h"
#include "common/daemon/server_tls.h"
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

  std::shared_ptr<const Settings> settings() const;
  // Null when there is no usable certificate: no STARTTLS then, and no port 993.
  std::shared_ptr<const TlsServer> tls() const { return tls_.context(); }
  store::Store& store() { return *store_; }
  auth::Authenticator& logins() { return *logins_; }
  WorkerPool& workers() { return daemon_.workers(); }
  KeyCache& sort_keys() { return sort_keys_; }
  // The capability list for a session as it stands (login, TLS).
  std::string capabilities(const Session& session) const;

  // Any thread: serves a fresh connection on one of the loops.
  void serve(UniqueFd socket, bool tls_from_start);
  // Tells every session to say BYE.
  void stop_sessions();
  void reload();

 private:
  explicit Server(Daemon& daemon) : daemon_(daemon) {}
  static Task<void> run_session(Server& server, EventLoop& loop, int fd, bool tls_from_start);
  // Sessions by loop; each set is touched on its loop's thread only.
  std::unordered_set<Session*>& sessions_of(EventLoop& loop) { return sessions_.at(&loop); }

  Daemon& daemon_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;
  ServerTls tls_;
  KeyCache sort_keys_;
  std::shared_ptr<store::Store> store_;
  std::shared_ptr<auth::Authenticator> logins_;
  std::unordered_map<EventLoop*, std::unordered_set<Session*>> sessions_;
  std::atomic<std::size_t> session_count_{0};
};

}  // namespace waxwing::imap
