// Unix sockets between Waxwing's processes: SOCK_SEQPACKET, one Record a packet, a descriptor may ride along.
//
// Paths may be longer than sun_path allows: they are reached through their open directory.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/file.h"
#include "common/base/record.h"
#include "common/net/loop.h"

namespace waxwing {

struct Packet {
  Record record;
  UniqueFd fd;  // -1 when none came
};

// Blocking use, for tools and worker threads.
Result<UniqueFd> connect_unix(const std::string& path);
// The same, and what is to be done where no waiting helps: rights, a path that is too long. Empty where it may help.
Result<UniqueFd> connect_unix(const std::string& path, std::string& to_do);
Result<UniqueFd> listen_unix(const std::string& path, mode_t mode = 0600);  // replaces a stale socket
Result<> send_packet(int socket, const Record& record, int fd_to_pass = -1);
// timeout_ms < 0: wait for ever. nullopt: the other side has closed.
Result<std::optional<Packet>> receive_packet(int socket, std::int64_t timeout_ms = -1);
// Connect, send, wait for one answer.
Result<Record> ask(const std::string& path, const Record& question, std::int64_t timeout_ms = 10000);

// Coroutine use: the same two verbs on a non-blocking socket owned by a loop. Sends that do not fit the
// socket buffer are queued in order and go out when they can.
class PacketSocket {
 public:
  PacketSocket(EventLoop& loop, UniqueFd socket);
  ~PacketSocket();
  PacketSocket(PacketSocket&&) noexcept;
  PacketSocket& operator=(PacketSocket&&) noexcept;
  Result<> send(const Record& record, UniqueFd fd_to_pass = UniqueFd());
  Task<Result<std::optional<Packet>>> receive(std::int64_t timeout_ms = -1);
  bool broken() const;
  // Bytes that were sent and that the peer has not made room for.
  std::size_t waiting_bytes() const;
  int fd() const;
  void close();

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

// Accepts for ever on a listening Unix socket, calling handler on the loop's thread for each.
void serve_unix(EventLoop& loop, UniqueFd listener, std::function<void(PacketSocket)> handler);

}  // namespace waxwing
