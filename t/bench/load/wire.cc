#include "t/bench/load/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace waxwing::bench {

namespace {
[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}
constexpr std::size_t kReadBytes = 64 * 1024;
}  // namespace

Wire::Wire(const std::string& host, int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (!socket_) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
    throw std::runtime_error("host takes an IPv4 address, found " + host);
  const timeval limit{60, 0};
  const int on = 1;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    fail("connect to port " + std::to_string(port));
}

void Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) fail("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Wire::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const auto had = buffer_.size();
  buffer_.resize(had + kReadBytes);
  ssize_t got;
  do got = ::recv(socket_.get(), buffer_.data() + had, kReadBytes, 0);
  while (got < 0 && errno == EINTR);
  buffer_.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
  if (got == 0) throw std::runtime_error("the server closed the connection");
  if (got < 0) fail("receive");
}

std::string Wire::line() {
  for (std::size_t from = at_;;) {
    const auto end = buffer_.find('\n', from);
    if (end != std::string::npos) {
      auto text = buffer_.substr(at_, end - at_);
      at_ = end + 1;
      if (!text.empty() && text.back() == '\r') text.pop_back();
      return text;
    }
    from = buffer_.size() - at_;
    fill();
  }
}

std::string Wire::bytes(std::size_t size) {
  while (buffer_.size() - at_ < size) fill();
  auto text = buffer_.substr(at_, size);
  at_ += size;
  return text;
}

}  // namespace waxwing::bench
