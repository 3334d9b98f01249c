// The worker's side of the dispatcher: a server process (smtpd, lmtpd) that binds no port and gets each
// accepted connection as a descriptor.
//
// The dispatcher starts a worker with one end of a SOCK_SEQPACKET pair as the descriptor named by
// WAXWING_DISPATCHER_FD, and the service's name and parameters in WAXWING_SERVICE and WAXWING_PARAMETERS
// ("CHANNEL=tcp_local" lines), its block lists in WAXWING_BLOCK_LISTS (zones between blanks). One Record a packet:
//   dispatcher → worker   connection peer= peer_port= local= local_port= verdict= tls=0|1 (+ descriptor)
//                         report      say now which sessions are over
//                         drain       no more connections follow: finish the sessions there are, then end
//                         stop        as drain, and sessions that wait between two messages end at once
//   worker → dispatcher   door        a socket for connections, one of each loop (+ descriptor)
//                         ready       serving
//                         closed peer=…   sessions that are over, each by its client's address; told of within
//                                     50 ms or by sixteen
//                         reported    after closed: that was all, up to the question
//                         draining    ended by signal: hand me nothing more
//                         (end of file: gone)
// Through the doors connections come straight to the loop that serves them, and drain behind the last one of
// each: packets of several sockets have no order among each other.
// A dispatcher that is gone (end of file here) means drain: the sessions finish, a new dispatcher has its own
// workers.
//
// Handlers run on any loop of the daemon, one coroutine per connection. A handler returns when its session is
// over.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/base/result.h"
#include "common/daemon/daemon.h"
#include "common/net/loop.h"
#include "common/net/seqpacket.h"
#include "common/net/task.h"

namespace waxwing {

// One connection as the dispatcher handed it over.
struct AcceptedConnection {
  UniqueFd fd;  // connected, non-blocking, TCP_NODELAY
  std::string peer_address;
  int peer_port = 0;
  std::string local_address;
  int local_port = 0;
  std::string verdict;     // what PORT_ACCESS left on acceptance: the authentication rule set; may be empty
  bool tls_first = false;  // came in on TLS_PORT: handshake before the first protocol byte

  // "TCP|server-ip|server-port|client-ip|client-port", as PORT_ACCESS and the log show it.
  std::string transport_info() const;
  Record to_record() const;  // without the descriptor
  static Result<AcceptedConnection> from_packet(Packet packet);
  // One that this process has accepted itself, without a dispatcher.
  static AcceptedConnection from_socket(UniqueFd socket);
};

struct WorkerService {
  std::string name;                               // "SMTP", "SMTP_SUBMIT", "LMTP"
  std::map<std::string, std::string> parameters;  // PARAMETER lines of dispatcher.cnf, names upper case
  // Zones that clients are looked up in. The dispatcher has asked them of whoever connects; the worker asks of a client that
  // a proxy names.
  std::vector<std::string> block_lists;
  std::string parameter(const std::string& parameter_name, const std::string& fallback) const;
  static WorkerService from_environment();
};

class WorkerSide {
 public:
  using Handler = std::function<Task<void>(EventLoop&, AcceptedConnection)>;

  // Takes the dispatcher's socket; serving begins with serve(). Main loop thread.
  WorkerSide(Daemon& daemon, UniqueFd dispatcher);
  ~WorkerSide();
  void serve(Handler handler);

  // Called on the main loop when stop begins: sessions between two messages say goodbye. Before serve().
  void on_stop(std::function<void()> handler);

  struct Inner;

 private:
  std::shared_ptr<Inner> inner_;
};

// The dispatcher's socket from the environment; permanent error when the program was started by hand.
Result<UniqueFd> dispatcher_socket_from_environment();

}  // namespace waxwing
