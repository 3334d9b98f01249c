#include "common/net/seqpacket.h"

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

namespace waxwing {

namespace {
// sun_path holds 108 bytes; an instance may lie deeper. The directory's descriptor gives a short way in.
struct ShortPath {
  UniqueFd directory;
  sockaddr_un address{};
};

Result<ShortPath> short_path(const std::string& path) {
  ShortPath way;
  way.address.sun_family = AF_UNIX;
  std::string name = path;
  if (name.size() >= sizeof way.address.sun_path) {
    const auto slash = path.find_last_of('/');
    TRY(way.directory, open_file(path.substr(0, slash), O_PATH | O_DIRECTORY));
    name = "/proc/self/fd/" + std::to_string(way.directory.get()) + "/" + path.substr(slash + 1);
    if (name.size() >= sizeof way.address.sun_path) return permanent("socket name too long: " + path);
  }
  std::memcpy(way.address.sun_path, name.data(), name.size());
  return way;
}

// What to do about an error that stays; nothing for one that may go by itself.
std::string advice_for(int problem) {
  switch (problem) {
    case EACCES:
    case EPERM:
      return "run this as the user whom the instance belongs to, or as root; a service needs run/ to belong "
             "to its user";
    case ENAMETOOLONG:
      return "move the instance to a shorter path";
    case ENOTDIR:
    case ELOOP:
    case ENOTSOCK:
    case EPROTOTYPE:
      return "something else is in its place: see what it is, and take it away";
    default:
      return {};
  }
}

Result<UniqueFd> new_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(system_error("cannot make a Unix socket", errno));
  const int size = 4 << 20;  // clipped by the kernel to its limit
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  return fd;
}

// sendmsg with at most one descriptor; errno on failure.
bool send_bytes(int socket, const std::string& bytes, int fd_to_pass, int flags) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd_to_pass >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd_to_pass, sizeof fd_to_pass);
  }
  for (;;) {
    if (::sendmsg(socket, &message, MSG_NOSIGNAL | flags) >= 0) return true;
    if (errno != EINTR) return false;
  }
}

enum class Received { packet, nothing, closed, failed };

Received receive_bytes(int socket, std::string_view& bytes, UniqueFd& fd, int flags) {
  thread_local char buffer[Record::kMaxBytes];
  iovec part{buffer, sizeof buffer};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)];
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? Received::nothing : Received::failed;
  if (got == 0) return Received::closed;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int passed = -1;
      std::memcpy(&passed, CMSG_DATA(header) + i * sizeof(int), sizeof passed);
      fd.reset(passed);  // only one is ever meant; more are closed
    }
  }
  bytes = std::string_view(buffer, static_cast<std::size_t>(got));
  return message.msg_flags & MSG_TRUNC ? Received::failed : Received::packet;
}

Result<std::string> encode(const Record& record) {
  auto bytes = record.encode();
  if (bytes.size() > Record::kMaxBytes)
    return bug("record " + record.verb() + " is larger than a packet: " + std::to_string(bytes.size()) +
               " bytes");
  return bytes;
}
}  // namespace

Result<UniqueFd> connect_unix(const std::string& path) {
  std::string to_do;
  return connect_unix(path, to_do);
}

Result<UniqueFd> connect_unix(const std::string& path, std::string& to_do) {
  to_do.clear();
  TRY(auto fd, new_socket());
  errno = 0;
  auto way = short_path(path);
  if (!way) {
    to_do = advice_for(errno != 0 ? errno : ENAMETOOLONG);
    return wrap(std::move(way.error()), "cannot reach " + path);
  }
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&way->address), sizeof way->address) == 0) return fd;
  to_do = advice_for(errno);
  return std::unexpected(Error{Fault::temporary, system_error("cannot reach " + path, errno).text});
}

Result<UniqueFd> listen_unix(const std::string& path, mode_t mode) {
  TRY(auto fd, new_socket());
  TRY(auto way, short_path(path));
  ::unlink(path.c_str());
  const auto old_mask = ::umask(0777 & ~mode);
  const bool bound = ::bind(fd.get(), reinterpret_cast<sockaddr*>(&way.address), sizeof way.address) == 0;
  const int problem = errno;
  ::umask(old_mask);
  if (!bound) return std::unexpected(system_error("cannot listen on " + path, problem));
  if (::listen(fd.get(), 1024) != 0) return std::unexpected(system_error("cannot listen on " + path, errno));
  return fd;
}

Result<> send_packet(int socket, const Record& record, int fd_to_pass) {
  TRY(const auto bytes, encode(record));
  if (!send_bytes(socket, bytes, fd_to_pass, 0))
    return std::unexpected(Error{Fault::temporary, system_error("cannot send " + record.verb(), errno).text});
  return {};
}

Result<std::optional<Packet>> receive_packet(int socket, std::int64_t timeout_ms) {
  pollfd wait{socket, POLLIN, 0};
  const int ready = ::poll(&wait, 1, timeout_ms < 0 ? -1 : static_cast<int>(timeout_ms));
  if (ready == 0) return temporary("no answer within " + std::to_string(timeout_ms) + " ms");
  Packet packet;
  std::string_view bytes;
  switch (receive_bytes(socket, bytes, packet.fd, 0)) {
    case Received::closed:
      return std::nullopt;
    case Received::packet:
      break;
    default:
      return std::unexpected(Error{Fault::temporary, system_error("cannot receive", errno).text});
  }
  TRY(packet.record, Record::decode(bytes));
  return packet;
}

Result<Record> ask(const std::string& path, const Record& question, std::int64_t timeout_ms) {
  TRY(const auto fd, connect_unix(path));
  TRY_VOID(send_packet(fd.get(), question));
  auto answer = receive_packet(fd.get(), timeout_ms);
  if (!answer) return wrap(answer.error(), path);
  if (!*answer) return temporary(path + ": closed without an answer to " + question.verb());
  return std::move((*answer)->record);
}

struct PacketSocket::Inner {
  Inner(EventLoop& of, UniqueFd fd) : loop(of), socket(std::move(fd)), arrivals(of, socket.get()) {}
  EventLoop& loop;
  UniqueFd socket;
  EventLoop::Arrivals arrivals;
  struct Waiting {
    std::string bytes;
    UniqueFd fd;
  };
  std::deque<Waiting> queue;
  std::size_t queued_bytes = 0;
  bool flushing = false;
  bool broken = false;
};

namespace {
void set_nonblocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

template <class Inner>
Task<void> flush_queue(std::shared_ptr<Inner> inner) {
  inner->flushing = true;
  while (!inner->queue.empty() && !inner->broken) {
    auto& first = inner->queue.front();
    if (send_bytes(inner->socket.get(), first.bytes, first.fd.get(), MSG_DONTWAIT)) {
      inner->queued_bytes -= first.bytes.size();
      inner->queue.pop_front();
    } else if (errno == EAGAIN) {
      // Edge-triggered like arrivals: libevent refuses to mix the two kinds on one descriptor.
      EventLoop::Wait wait{inner->loop, inner->socket.get(), EV_WRITE | EV_ET, -1};
      co_await wait;
    } else {
      inner->broken = true;
    }
  }
  inner->flushing = false;
}
}  // namespace

PacketSocket::PacketSocket(EventLoop& loop, UniqueFd socket)
    : inner_(std::make_shared<Inner>(loop, std::move(socket))) {
  set_nonblocking(inner_->socket.get());
}

PacketSocket::~PacketSocket() {
  if (inner_) close();
}
PacketSocket::PacketSocket(PacketSocket&&) noexcept = default;
PacketSocket& PacketSocket::operator=(PacketSocket&& other) noexcept {
  if (inner_ && inner_ != other.inner_) close();
  inner_ = std::move(other.inner_);
  return *this;
}

Result<> PacketSocket::send(const Record& record, UniqueFd fd_to_pass) {
  if (inner_->broken) return temporary("socket is closed");
  TRY(auto bytes, encode(record));
  if (inner_->queue.empty()) {
    if (send_bytes(inner_->socket.get(), bytes, fd_to_pass.get(), MSG_DONTWAIT)) return {};
    if (errno != EAGAIN) {
      inner_->broken = true;
      return std::unexpected(
          Error{Fault::temporary, system_error("cannot send " + record.verb(), errno).text});
    }
  }
  inner_->queued_bytes += bytes.size();
  inner_->queue.push_back({std::move(bytes), std::move(fd_to_pass)});
  if (!inner_->flushing) spawn(flush_queue(inner_));
  return {};
}

Task<Result<std::optional<Packet>>> PacketSocket::receive(std::int64_t timeout_ms) {
  const auto inner = inner_;  // the socket may be closed while we wait
  for (;;) {
    if (inner->broken) co_return std::optional<Packet>();
    Packet packet;
    std::string_view bytes;
    const auto got = receive_bytes(inner->socket.get(), bytes, packet.fd, MSG_DONTWAIT);
    if (got == Received::packet) {
      auto record = Record::decode(bytes);
      CO_TRY(packet.record, std::move(record));
      co_return std::optional<Packet>(std::move(packet));
    }
    if (got == Received::closed || got == Received::failed) {
      inner->broken = true;
      co_return std::optional<Packet>();
    }
    const auto ready = co_await inner->arrivals.wait(timeout_ms);
    if (ready == Ready::timeout)
      co_return temporary("no packet within " + std::to_string(timeout_ms) + " ms");
  }
}

bool PacketSocket::broken() const {
  return inner_->broken;
}
std::size_t PacketSocket::waiting_bytes() const {
  return inner_->queued_bytes;
}
int PacketSocket::fd() const {
  return inner_->socket.get();
}

void PacketSocket::close() {
  inner_->broken = true;
  inner_->arrivals.cancel();
  inner_->loop.cancel_waits(inner_->socket.get());
  // The descriptor goes with the last coroutine that still looks at it; the peer learns now.
  ::shutdown(inner_->socket.get(), SHUT_RDWR);
}

namespace {
Task<void> accept_packets(EventLoop& loop, UniqueFd listener, std::function<void(PacketSocket)> handler) {
  for (;;) {
    UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (fd) {
      const int size = 4 << 20;
      ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
      handler(PacketSocket(loop, std::move(fd)));
    } else if (errno == EAGAIN) {
      // A listener that was shut down is readable for ever and never has anybody: cancel_waits() ends it.
      const auto ready = co_await loop.readable(listener.get(), -1);
      if (ready == Ready::closed) co_return;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
      co_await loop.sleep(200);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      co_return;
    }
  }
}
}  // namespace

void serve_unix(EventLoop& loop, UniqueFd listener, std::function<void(PacketSocket)> handler) {
  set_nonblocking(listener.get());
  spawn(accept_packets(loop, std::move(listener), std::move(handler)));
}

}  // namespace waxwing
