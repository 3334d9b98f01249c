// What all sessions of one lmtpd process share.
#pragma once

#include <memory>
#include <string>

#include "common/base/current.h"
#include "common/daemon/daemon.h"
#include "common/daemon/server_tls.h"
#include "common/daemon/sessions.h"
#include "common/directory/directory.h"
#include "common/worker/worker.h"
#include "store/store.h"

namespace waxwing::lmtp {

// The lmtp.* options; immutable, a session keeps one until its end.
struct Settings {
  std::string host;
  std::uint64_t max_message_bytes = 0;
  std::size_t max_recipients = 0;
  std::int64_t timeout_ms = 0;
  static std::shared_ptr<const Settings> from(const Config& config);
};

// Thread-safe after create().
class Server {
 public:
  static Result<std::unique_ptr<Server>> create(Daemon& daemon);
  ~Server();

  // Takes connections from the dispatcher when that has started this process, else from ports of its own.
  Result<> start();

  std::shared_ptr<const Settings> settings() const { return settings_.get(); }
  std::shared_ptr<const TlsServer> tls() const { return tls_.context(); }  // null: STARTTLS is not offered
  store::Store& store() const { return *store_; }
  directory::Directory& directory() const { return *directory_; }
  WorkerPool& workers() const { return daemon_.workers(); }
  const Sessions& sessions() const { return sessions_; }

 private:
  explicit Server(Daemon& daemon) : daemon_(daemon), sessions_(daemon, "lmtp") {}
  Result<> listen();
  void reload();
  static Task<void> serve(Server& server, EventLoop& loop, AcceptedConnection connection);

  Daemon& daemon_;
  Current<Settings> settings_;
  ServerTls tls_;
  std::shared_ptr<store::Store> store_;
  std::shared_ptr<directory::Directory> directory_;
  std::unique_ptr<WorkerSide> worker_;  // null when there is no dispatcher
  Sessions sessions_;
};

}  // namespace waxwing::lmtp
