// connect_tcp(): an outgoing connection, from a numeric address to a Stream.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "common/net/detail/stream_inner.h"

namespace waxwing {

namespace {
Result<UniqueFd> begin_connect(const std::string& address, int port, const std::string& local_address) {
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  socklen_t size = 0;
  const auto fill_in = [&](const std::string& text, int at_port) {
    storage = {};
    if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(static_cast<std::uint16_t>(at_port));
      size = sizeof *v4;
      return true;
    }
    if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) != 1) return false;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<std::uint16_t>(at_port));
    size = sizeof *v6;
    return true;
  };
  if (!fill_in(address, port)) return permanent("'" + address + "' is not a numeric address");
  const std::string place = address + " port " + std::to_string(port);
  UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(system_error("cannot make a socket for " + place, errno));
  if (!local_address.empty()) {
    if (!fill_in(local_address, 0)) return permanent("'" + local_address + "' is not a numeric address");
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0)
      return std::unexpected(system_error("cannot use local address " + local_address, errno));
    fill_in(address, port);
  }
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0 && errno != EINPROGRESS)
    return std::unexpected(Error{Fault::temporary, system_error("cannot connect to " + place, errno).text});
  return fd;
}
}  // namespace

Task<Result<Stream>> connect_tcp(EventLoop& loop, std::string address, int port, std::int64_t timeout_ms,
                                 std::string local_address) {
  auto begun = begin_connect(address, port, local_address);
  CO_TRY(UniqueFd fd, std::move(begun));
  const std::string place = "cannot connect to " + address + " port " + std::to_string(port);
  auto ready = co_await loop.writable(fd.get(), timeout_ms);
  if (ready == Ready::timeout)
    co_return temporary(place + ": no answer within " + std::to_string(timeout_ms) + " ms");
  if (ready == Ready::closed) co_return temporary(place + ": " + std::string(kStreamInterrupted));
  int problem = 0;
  socklen_t size = sizeof problem;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
  if (problem != 0) co_return std::unexpected(Error{Fault::temporary, system_error(place, problem).text});
  co_return Stream(loop, std::move(fd));
}

}  // namespace waxwing
