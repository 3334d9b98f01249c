// One worker process as the dispatcher sees it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/daemon/daemon.h"
#include "common/net/seqpacket.h"
#include "common/worker/worker.h"
#include "dispatcher/choice.h"
#include "dispatcher/doors.h"
#include "dispatcher/settings.h"

namespace waxwing::dispatcher {

// Main loop only.
class WorkerProcess : public std::enable_shared_from_this<WorkerProcess> {
 public:
  // Both are called once at most, from the loop.
  struct Events {
    std::function<void(const WorkerProcess&)> ready;  // it serves
    std::function<void(WorkerProcess*)> gone;         // its socket has closed
  };
  // Starts the program.
  static Result<std::shared_ptr<WorkerProcess>> start(Daemon& daemon, const ServiceSettings& settings,
                                                      Events events);
  // The same for one that runs, at the other end of the socket.
  static std::shared_ptr<WorkerProcess> adopt(Daemon& daemon, std::string service, pid_t pid, UniqueFd socket,
                                              Events events);
  WorkerProcess(Daemon& daemon, std::string service, pid_t pid, UniqueFd socket, Events events);

  // Error: the worker has not got it, and it is not counted.
  Result<> hand(const AcceptedConnection& connection);
  void drain();  // finish sessions, then end
  void stop();   // the same, sessions between messages end at once
  // The load is of up to 50 ms ago: waits until that of all of them counts every session that was over before the
  // call. All are asked at once; those who do not answer within a second are taken by what is known.
  static Task<void> count_again(std::vector<std::shared_ptr<WorkerProcess>> workers);
  WorkerLoad load() const;
  // Connections of that client which it holds.
  std::int64_t connections_of(const std::string& peer_address) const;
  pid_t pid() const { return pid_; }
  // Waits to be replaced: the configuration it has read is an older one.
  void set_outdated(bool outdated) { outdated_ = outdated; }
  bool outdated() const { return outdated_; }

 private:
  static Task<void> listen(std::shared_ptr<WorkerProcess> self);
  void ask_for_count();
  void heard(Packet packet);
  void closed(const Record& record);
  void close_doors();

  Daemon& daemon_;
  std::string service_;
  pid_t pid_;
  PacketSocket socket_;
  Doors doors_;
  Events events_;
  Signal reported_;
  bool asked_ = false;  // to report
  bool ready_ = false, draining_ = false, outdated_ = false;
  std::int64_t handed_ = 0, active_ = 0;
  std::unordered_map<std::string, std::int64_t> clients_;  // connections by address
  std::int64_t started_ms_, idle_since_ms_;
};

// Waits for children that have ended, without blocking; called when a worker is gone and on a timer.
void reap_children();

}  // namespace waxwing::dispatcher
