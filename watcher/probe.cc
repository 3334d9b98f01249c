#include "watcher/probe.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

#include "common/base/file.h"

namespace waxwing {

namespace {

using namespace std::string_view_literals;
// BindRequest: message 1, version 3, no name, simple, no password; UnbindRequest: message 2.
constexpr auto kBind = "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"sv;
constexpr auto kUnbind = "\x30\x05\x02\x01\x02\x42\x00"sv;

// Not blocking: one that hangs accepts nothing, and in the end there is no place to wait in.
UniqueFd connect_to(const std::string& path) {
  // Through the directory's descriptor: the path may be longer than sun_path holds.
  const auto slash = path.rfind('/');
  const UniqueFd directory(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "/proc/self/fd/" + std::to_string(directory.get()) + path.substr(slash);
  if (!directory || !socket || name.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, name.data(), name.size());
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
  return socket;
}

bool say(const UniqueFd& socket, std::string_view bytes) {
  return ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

bool accepts_connections(const std::string& path) {
  return static_cast<bool>(connect_to(path));
}

Task<bool> answers_bind(EventLoop& loop, std::string path, std::int64_t timeout_ms) {
  const auto socket = connect_to(path);
  if (!socket || !say(socket, kBind)) co_return false;
  co_await loop.readable(socket.get(), timeout_ms);
  char byte = 0;
  const bool answered = ::recv(socket.get(), &byte, 1, MSG_DONTWAIT) == 1;
  if (answered) (void)say(socket, kUnbind);
  co_return answered;
}

}  // namespace waxwing
