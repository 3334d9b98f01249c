// TCP listeners.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/base/result.h"
#include "common/net/loop.h"

namespace waxwing {

// Binds and listens (SO_REUSEADDR; IPv6 sockets are v6 only). The error says which address and port, and,
// when it is in use, so.
Result<UniqueFd> listen_tcp(const std::string& address, int port, int backlog, bool reuse_port = false);
// The same on each address; none: on all, IPv4 and, where the host has it, IPv6.
Result<std::vector<UniqueFd>> listen_on(const std::vector<std::string>& addresses, int port, int backlog);
// accept loop: handler gets each connected socket (non-blocking, TCP_NODELAY) on the loop's thread. Stops
// accepting for a second when descriptors run out, and says so in the log.
class Listener {
 public:
  Listener(EventLoop& loop, UniqueFd socket, std::function<void(UniqueFd)> handler);
  ~Listener();
  int port() const;
  void stop();  // no more connections; the handler is not called again
  struct Inner;

 private:
  std::shared_ptr<Inner> inner_;
};

// "address" and port of either end of a connected socket; empty and 0 when it is no TCP socket.
struct SocketName {
  std::string address;
  int port = 0;
};
SocketName peer_name(int fd);
SocketName local_name(int fd);

}  // namespace waxwing
