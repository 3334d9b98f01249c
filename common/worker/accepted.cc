#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "common/base/strings.h"
#include "common/net/listener.h"
#include "common/worker/worker.h"

namespace waxwing {

std::string AcceptedConnection::transport_info() const {
  std::string text;
  text.reserve(local_address.size() + peer_address.size() + 20);
  text.append("TCP|").append(local_address).append("|").append(std::to_string(local_port));
  return text.append("|").append(peer_address).append("|").append(std::to_string(peer_port));
}

Record AcceptedConnection::to_record() const {
  Record record("connection");
  record.set("peer", peer_address)
      .set("peer_port", peer_port)
      .set("local", local_address)
      .set("local_port", local_port);
  record.set("tls", tls_first ? 1 : 0).set("verdict", verdict);
  return record;
}

Result<AcceptedConnection> AcceptedConnection::from_packet(Packet packet) {
  const auto& record = packet.record;
  if (!packet.fd) return bug("the dispatcher sent a connection without its descriptor");
  AcceptedConnection connection;
  connection.fd = std::move(packet.fd);
  connection.peer_address = record.get("peer");
  connection.peer_port = static_cast<int>(record.number("peer_port"));
  connection.local_address = record.get("local");
  connection.local_port = static_cast<int>(record.number("local_port"));
  connection.tls_first = record.number("tls") != 0;
  connection.verdict = record.get("verdict");
  return connection;
}

AcceptedConnection AcceptedConnection::from_socket(UniqueFd socket) {
  const auto peer = peer_name(socket.get()), local = local_name(socket.get());
  AcceptedConnection connection;
  connection.fd = std::move(socket);
  connection.peer_address = peer.address;
  connection.peer_port = peer.port;
  connection.local_address = local.address;
  connection.local_port = local.port;
  return connection;
}

std::string WorkerService::parameter(const std::string& parameter_name, const std::string& fallback) const {
  const auto found = parameters.find(parameter_name);
  return found == parameters.end() ? fallback : found->second;
}

WorkerService WorkerService::from_environment() {
  WorkerService service;
  if (const char* name = std::getenv("WAXWING_SERVICE")) service.name = name;
  const char* lines = std::getenv("WAXWING_PARAMETERS");
  std::string_view rest = lines ? lines : "";
  while (!rest.empty()) {
    const auto line = take_until(rest, '\n');
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    service.parameters[to_upper(trim(line.substr(0, equals)))] = trim(line.substr(equals + 1));
  }
  const char* zones = std::getenv("WAXWING_BLOCK_LISTS");
  for (const auto zone : split_words(zones ? zones : "")) service.block_lists.emplace_back(zone);
  return service;
}

Result<UniqueFd> dispatcher_socket_from_environment() {
  const char* text = std::getenv("WAXWING_DISPATCHER_FD");
  const auto fd = text ? to_number<int>(text) : std::nullopt;
  if (!fd || ::fcntl(*fd, F_GETFD) < 0)
    return permanent(
        "this program is started by the dispatcher, which hands it its connections; see dispatcher(8)");
  ::fcntl(*fd, F_SETFD, FD_CLOEXEC);
  ::unsetenv("WAXWING_DISPATCHER_FD");
  return UniqueFd(*fd);
}

}  // namespace waxwing
