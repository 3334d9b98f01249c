// What all sessions of one lmtpd process share.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/daemon/daemon.h"
#include "common/daemon/server_tls.h"
#include "common/directory/directory.h"
#include "common/net/listener.h"
#include "common/worker/worker.h"
#include "store/store.h"

namespace waxwing::lmtp {

class Session;

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

  std::shared_ptr<const Settings> settings() const;
  std::shared_ptr<const TlsServer> tls() const { return tls_.context(); }  // null: STARTTLS is not offered
  store::Store& store() const { return *store_; }
  directory::Directory& directory() const { return *directory_; }
  WorkerPool& workers() const { return daemon_.workers(); }
  bool stopping() const { return daemon_.stopping() || (worker_ && worker_->stopping()); }

 private:
  explicit Server(Daemon& daemon) : daemon_(daemon) {}
  Result<> listen();
  void reload();
  void wake_all();
  static Task<void> serve(Server& server, EventLoop& loop, AcceptedConnection connection);
  static Task<void> serve_accepted(Server& server, EventLoop& loop, int fd);

  Daemon& daemon_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;
  ServerTls tls_;
  std::shared_ptr<store::Store> store_;
  std::shared_ptr<directory::Directory> directory_;
  std::unique_ptr<WorkerSide> worker_;                // run by the dispatcher
  std::vector<std::unique_ptr<Listener>> listeners_;  // run by hand
  // Sessions by loop; each set is touched on its loop's thread only.
  std::unordered_map<EventLoop*, std::unordered_set<Session*>> sessions_;
};

}  // namespace waxwing::lmtp
