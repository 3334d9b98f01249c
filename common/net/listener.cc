#include "common/net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "common/log/log.h"

namespace waxwing {

namespace {
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<Address> parse_address(const std::string& text, int port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<std::uint16_t>(port));
    address.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<std::uint16_t>(port));
    address.size = sizeof *v6;
  } else {
    return permanent("'" + text + "' is not a numeric IPv4 or IPv6 address");
  }
  return address;
}

SocketName to_name(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {text, ntohs(v4.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return {text, ntohs(v6.sin6_port)};
  }
  return {};
}
}  // namespace

Result<UniqueFd> listen_tcp(const std::string& address, int port, int backlog, bool reuse_port) {
  TRY(const auto where, parse_address(address, port));
  const std::string place = address + " port " + std::to_string(port);
  UniqueFd fd(::socket(where.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(system_error("cannot make a socket for " + place, errno));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (reuse_port) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (where.storage.ss_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&where.storage), where.size) != 0) {
    auto error = system_error("cannot listen on " + place, errno);
    if (errno == EADDRINUSE)
      error.text += "; see who holds it with: ss -ltnp 'sport = :" + std::to_string(port) + "'";
    if (errno == EACCES) error.text += "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
    return std::unexpected(error);
  }
  if (::listen(fd.get(), backlog) != 0)
    return std::unexpected(system_error("cannot listen on " + place, errno));
  return fd;
}

Result<std::vector<UniqueFd>> listen_on(const std::vector<std::string>& addresses, int port, int backlog) {
  std::vector<std::string> all = addresses;
  if (all.empty()) {
    all = {"0.0.0.0"};
    if (file_exists("/proc/net/if_inet6")) all.emplace_back("::");
  }
  std::vector<UniqueFd> sockets;
  for (const auto& address : all) {
    TRY(auto socket, listen_tcp(address, port, backlog));
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

struct Listener::Inner {
  Inner(EventLoop& of, UniqueFd fd, std::function<void(UniqueFd)> serve)
      : loop(of), socket(std::move(fd)), arrivals(of, socket.get()), handler(std::move(serve)) {}
  EventLoop& loop;
  UniqueFd socket;
  EventLoop::Arrivals arrivals;
  std::function<void(UniqueFd)> handler;
  bool stopped = false;
};

namespace {
Task<void> accept_all(std::shared_ptr<Listener::Inner> inner);
}

Listener::Listener(EventLoop& loop, UniqueFd socket, std::function<void(UniqueFd)> handler)
    : inner_(std::make_shared<Inner>(loop, std::move(socket), std::move(handler))) {
  const int on = 1;  // accepted sockets inherit it
  ::setsockopt(inner_->socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  loop.post([inner = inner_] {
    if (!inner->stopped) spawn(accept_all(inner));
  });
}

Listener::~Listener() {
  stop();
}

int Listener::port() const {
  return local_name(inner_->socket.get()).port;
}

void Listener::stop() {
  if (inner_->stopped) return;
  inner_->stopped = true;
  inner_->arrivals.cancel();
}

namespace {
bool descriptors_ran_out(int errnum) {
  return errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM;
}

Task<void> accept_all(std::shared_ptr<Listener::Inner> inner) {
  while (!inner->stopped) {
    UniqueFd fd(::accept4(inner->socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      inner->handler(std::move(fd));
      continue;
    }
    if (errno == EAGAIN) {
      co_await inner->arrivals.wait(-1);
    } else if (descriptors_ran_out(errno)) {
      log::Event("net.accept.exhausted")
          .with("error", std::strerror(errno))
          .with("mend", "raise LimitNOFILE")
          .error();
      co_await inner->loop.sleep(1000);
    }
  }
}
}  // namespace

SocketName peer_name(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0 ? to_name(storage)
                                                                              : SocketName{};
}

SocketName local_name(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0 ? to_name(storage)
                                                                              : SocketName{};
}

}  // namespace waxwing
