// run/metermaid: one Record asks, one answers.
//
//   count table= key= amount=   → answer limited=0|1 first=0|1 count= limit=
//   query table= key= amount=   → the same, and nothing is counted
//   fetch table= key=           → answer known=0|1 count=
//   store table= key= amount=   → answer count=
//   adjust table= key= amount=  → answer count=
//   remove table= key=          → answer known=0|1
//   anything else, or a table that there is not → error text=
#pragma once

#include <memory>

#include "common/daemon/daemon.h"
#include "common/net/seqpacket.h"
#include "metermaid/snapshot.h"

namespace waxwing::metermaid {

// A verb on a table, as above.
Record answer(Tables& tables, const Record& question, std::int64_t now_ms);

// Main loop thread.
class Server {
 public:
  static Result<std::unique_ptr<Server>> start(Daemon& daemon);
  ~Server();

 private:
  Server(Daemon& daemon, std::string path) : daemon_(daemon), snapshot_(std::move(path)) {}
  Result<> make_tables();
  void load();
  void save();
  static Task<void> write_changes(Server& server);
  static Task<void> serve(Server& server, PacketSocket socket);

  Daemon& daemon_;
  Tables tables_;
  Snapshot snapshot_;
  bool saving_ = false, save_again_ = false;
  std::unique_ptr<EventLoop::Timer> timer_;
};

}  // namespace waxwing::metermaid
