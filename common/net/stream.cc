// The input side is edge-triggered: the descriptor is registered once, and a flag remembers whether the
// kernel may still hold bytes. A command then costs one epoll_wait, one recv and one send.
#include "common/net/stream.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "common/base/strings.h"
#include "common/net/detail/tls_session.h"
#include "common/net/listener.h"

namespace waxwing {

namespace {
constexpr std::string_view kTimeout = "the other side said nothing in time";
constexpr std::string_view kClosed = "connection closed by the other side";
constexpr std::string_view kInterrupted = "interrupted";
constexpr std::string_view kLineTooLong = "line too long";
constexpr std::size_t kReadBytes = 64 * 1024;

std::unexpected<Error> closed() {
  return temporary(std::string(kClosed));
}
}  // namespace

bool is_timeout(const Error& error) {
  return error.text.ends_with(kTimeout);
}
bool is_disconnect(const Error& error) {
  return error.text.ends_with(kClosed);
}
bool is_interrupt(const Error& error) {
  return error.text.ends_with(kInterrupted);
}
bool is_line_too_long(const Error& error) {
  return error.text.ends_with(kLineTooLong);
}

struct Stream::Inner {
  EventLoop& loop;
  UniqueFd fd;
  std::int64_t timeout_ms = 300000;
  std::string in, out;
  std::size_t in_at = 0, out_at = 0;
  std::unique_ptr<TlsSession> tls;
  ::event event{};
  bool registered = false;
  bool may_read = true;  // the kernel may hold bytes for us
  bool hung_up = false;  // the kernel has seen the peer's end: it may lie behind the bytes we read
  bool ended = false;    // the peer will send no more
  bool broken = false;
  bool interrupted = false;
  std::coroutine_handle<> reader;
  Ready outcome = Ready::yes;
  std::uint64_t bytes_in = 0, bytes_out = 0;

  Inner(EventLoop& l, UniqueFd f) : loop(l), fd(std::move(f)) {}
  ~Inner() { unregister(); }

  void unregister() {
    if (registered) event_del(&event);
    registered = false;
  }

  static void fired(int, short what, void* self) {
    auto& inner = *static_cast<Inner*>(self);
    if (what & (EV_READ | EV_CLOSED)) inner.may_read = true;
    if (what & EV_CLOSED) inner.hung_up = true;
    if (!inner.reader) return;
    inner.outcome = inner.interrupted              ? Ready::closed
                    : what & (EV_READ | EV_CLOSED) ? Ready::yes
                                                   : Ready::timeout;
    std::exchange(inner.reader, {}).resume();
  }

  // Until the kernel says there is something to read.
  struct Arrival {
    Inner& inner;
    bool await_ready() const noexcept { return inner.may_read || inner.interrupted; }
    void await_suspend(std::coroutine_handle<> handle) {
      inner.reader = handle;
      if (!inner.registered) {
        event_assign(&inner.event, inner.loop.base(), inner.fd.get(),
                     EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, &Inner::fired, &inner);
        inner.registered = true;
      }
      const timeval limit{static_cast<time_t>(inner.timeout_ms / 1000),
                          static_cast<suseconds_t>(inner.timeout_ms % 1000 * 1000)};
      event_add(&inner.event, inner.timeout_ms < 0 ? nullptr : &limit);
    }
    Ready await_resume() noexcept {
      if (std::exchange(inner.interrupted, false)) return Ready::closed;
      return std::exchange(inner.outcome, Ready::yes);
    }
  };

  std::string_view buffered() const { return std::string_view(in).substr(in_at); }
  void consume(std::size_t count) {
    in_at += count;
    if (in_at == in.size()) {
      in.clear();
      in_at = 0;
    }
  }
  // An idle session keeps no buffers.
  void release_buffers() {
    if (in.empty()) std::string().swap(in);
    if (out.empty()) std::string().swap(out);
  }

  // What one read of socket or TLS brought.
  enum class Got { bytes, nothing, blocked, end, failure };  // blocked: TLS must send first

  Got read_plain() {
    thread_local char buffer[kReadBytes];
    for (;;) {
      const auto got = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (got > 0) {
        append(buffer, static_cast<std::size_t>(got));
        // A short read has emptied the socket: the next edge will tell, unless the peer's end is there
        // already.
        if (static_cast<std::size_t>(got) < sizeof buffer && !hung_up) may_read = false;
        return Got::bytes;
      }
      if (got == 0) return Got::end;
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return Got::failure;
      may_read = false;
      return Got::nothing;
    }
  }

  Got read_tls() {
    thread_local char buffer[16 * 1024];
    const auto outcome = tls->read(buffer, sizeof buffer);
    switch (outcome.status) {
      case TlsSession::Status::done:
        append(buffer, outcome.count);
        return Got::bytes;
      case TlsSession::Status::want_read:
        may_read = false;
        return Got::nothing;
      case TlsSession::Status::want_write:
        return Got::blocked;
      case TlsSession::Status::closed:
        return Got::end;
      case TlsSession::Status::failed:
        break;
    }
    return Got::failure;
  }

  void append(const char* bytes, std::size_t count) {
    if (in_at > 0 && in_at * 2 >= in.size()) {  // keep the buffer from creeping
      in.erase(0, in_at);
      in_at = 0;
    }
    in.append(bytes, count);
    bytes_in += count;
  }

  Task<Result<>> wait_for_bytes() {
    Arrival arrival{*this};
    const auto ready = co_await arrival;
    if (ready == Ready::timeout) co_return temporary(std::string(kTimeout));
    if (ready == Ready::closed) co_return temporary(std::string(kInterrupted));
    co_return Result<>{};
  }

  Task<Result<>> wait_to_write() {
    // Edge-triggered like the read event: libevent refuses to mix the two kinds on one descriptor.
    EventLoop::Wait wait{loop, fd.get(), EV_WRITE | EV_ET, timeout_ms};
    const auto ready = co_await wait;
    if (ready == Ready::timeout) co_return temporary(std::string(kTimeout));
    if (ready == Ready::closed) co_return temporary(std::string(kInterrupted));
    co_return Result<>{};
  }

  // One send; how many bytes went, or a status.
  TlsSession::Outcome send_some() {
    const std::string_view left = std::string_view(out).substr(out_at);
    if (tls) return tls->write(left.data(), left.size());
    for (;;) {
      const auto put = ::send(fd.get(), left.data(), left.size(), MSG_NOSIGNAL);
      if (put >= 0) return {TlsSession::Status::done, static_cast<std::size_t>(put)};
      if (errno == EINTR) continue;
      return {errno == EAGAIN ? TlsSession::Status::want_write : TlsSession::Status::failed, 0};
    }
  }
};

Stream::Stream(EventLoop& loop, UniqueFd fd) : inner_(std::make_unique<Inner>(loop, std::move(fd))) {}
Stream::Stream(Stream&&) noexcept = default;
Stream::~Stream() = default;

Task<Result<bool>> Stream::fill() {
  auto& s = *inner_;
  for (;;) {
    if (s.broken || s.ended) co_return false;
    if (s.may_read || (s.tls && s.tls->pending())) {
      const auto got = s.tls ? s.read_tls() : s.read_plain();
      if (got == Inner::Got::bytes) co_return true;
      if (got == Inner::Got::end) {
        s.ended = true;
        co_return false;
      }
      if (got == Inner::Got::failure) {
        s.broken = true;
        co_return closed();
      }
      if (got == Inner::Got::blocked) {
        auto waited = co_await s.wait_to_write();
        CO_TRY_VOID(waited);
        continue;
      }
    }
    if (pending_output() > 0) {
      auto flushed = co_await flush();
      CO_TRY_VOID(flushed);
    }
    s.release_buffers();
    auto waited = co_await s.wait_for_bytes();
    CO_TRY_VOID(waited);
  }
}

Task<Result<std::string>> Stream::read_line(std::size_t max_bytes, LineEnd end) {
  auto& s = *inner_;
  std::size_t scanned = 0;
  bool dropping = false;
  for (;;) {
    const auto bytes = s.buffered();
    const auto newline = bytes.find('\n', scanned);
    if (newline != std::string_view::npos) {
      const bool crlf = newline > 0 && bytes[newline - 1] == '\r';
      if (!crlf && end == LineEnd::crlf) {
        scanned = newline + 1;
        continue;
      }
      const auto length = newline - (crlf ? 1 : 0);
      if (dropping || length > max_bytes) {
        s.consume(newline + 1);
        co_return permanent(std::string(kLineTooLong));
      }
      std::string line(bytes.substr(0, length));
      s.consume(newline + 1);
      co_return line;
    }
    scanned = bytes.size();
    if (scanned > max_bytes + 1) {  // keep the last byte: it may be the CR of the end
      dropping = true;
      s.consume(scanned - 1);
      scanned = s.buffered().size();
    }
    const auto before = s.buffered().size();
    auto more = co_await fill();
    CO_TRY(const bool open, std::move(more));
    if (!open) co_return closed();
    scanned = std::min(scanned, before);
  }
}

Task<Result<std::string>> Stream::read_some(std::size_t max_bytes) {
  auto& s = *inner_;
  if (s.buffered().empty()) {
    auto more = co_await fill();
    CO_TRY(const bool open, std::move(more));
    if (!open) co_return std::string();
  }
  std::string bytes(s.buffered().substr(0, max_bytes));
  s.consume(bytes.size());
  co_return bytes;
}

Task<Result<std::string>> Stream::read_exact(std::size_t count) {
  auto& s = *inner_;
  while (s.buffered().size() < count) {
    auto more = co_await fill();
    CO_TRY(const bool open, std::move(more));
    if (!open) co_return closed();
  }
  std::string bytes(s.buffered().substr(0, count));
  s.consume(count);
  co_return bytes;
}

std::string_view Stream::peek() const {
  return inner_->buffered();
}
void Stream::skip(std::size_t count) {
  inner_->consume(count);
}

void Stream::write(std::string_view bytes) {
  if (!inner_->broken) inner_->out.append(bytes);
}

std::size_t Stream::pending_output() const {
  return inner_->out.size() - inner_->out_at;
}

Task<Result<>> Stream::flush() {
  auto& s = *inner_;
  while (pending_output() > 0) {
    if (s.broken) co_return closed();
    const auto sent = s.send_some();
    s.out_at += sent.count;
    s.bytes_out += sent.count;
    if (sent.status == TlsSession::Status::want_write) {
      auto waited = co_await s.wait_to_write();
      CO_TRY_VOID(waited);
    } else if (sent.status == TlsSession::Status::want_read) {
      s.may_read = false;
      auto waited = co_await s.wait_for_bytes();
      CO_TRY_VOID(waited);
    } else if (sent.status != TlsSession::Status::done) {
      s.broken = true;
      co_return closed();
    }
  }
  s.out.clear();
  s.out_at = 0;
  co_return Result<>{};
}

namespace {
template <class Inner>
Task<Result<>> handshake(Inner& s) {
  // What came in clear before the handshake must never be read as if it had been protected.
  s.in.clear();
  s.in_at = 0;
  s.may_read = true;
  for (;;) {
    const auto status = s.tls->handshake();
    if (status == TlsSession::Status::done) {
      s.may_read = true;  // the peer's first words may already wait behind its last handshake record
      co_return Result<>{};
    }
    if (status == TlsSession::Status::want_read) {
      s.may_read = false;
      auto waited = co_await s.wait_for_bytes();
      CO_TRY_VOID(waited);
    } else if (status == TlsSession::Status::want_write) {
      auto waited = co_await s.wait_to_write();
      CO_TRY_VOID(waited);
    } else {
      s.broken = true;
      co_return permanent("TLS handshake failed: " + s.tls->last_error());
    }
  }
}
}  // namespace

Task<Result<>> Stream::start_tls_server(const TlsServer& context) {
  auto flushed = co_await flush();
  CO_TRY_VOID(flushed);
  inner_->tls = TlsSession::server(context, inner_->fd.get());
  auto done = co_await handshake(*inner_);
  co_return done;
}

Task<Result<>> Stream::start_tls_client(const TlsClient& context, const std::string& host) {
  auto flushed = co_await flush();
  CO_TRY_VOID(flushed);
  inner_->tls = TlsSession::client(context, host, inner_->fd.get());
  auto done = co_await handshake(*inner_);
  co_return done;
}

bool Stream::is_tls() const {
  return inner_->tls != nullptr;
}
std::string Stream::tls_protocol() const {
  return inner_->tls ? inner_->tls->protocol() : "";
}
std::string Stream::tls_cipher() const {
  return inner_->tls ? inner_->tls->cipher() : "";
}
int Stream::tls_bits() const {
  return inner_->tls ? inner_->tls->bits() : 0;
}
std::string Stream::tls_peer_subject() const {
  return inner_->tls ? inner_->tls->peer_subject() : "";
}

void Stream::set_timeout_ms(std::int64_t timeout_ms) {
  inner_->timeout_ms = timeout_ms;
}
std::string Stream::peer_address() const {
  return peer_name(inner_->fd.get()).address;
}
int Stream::peer_port() const {
  return peer_name(inner_->fd.get()).port;
}
std::string Stream::local_address() const {
  return local_name(inner_->fd.get()).address;
}
int Stream::local_port() const {
  return local_name(inner_->fd.get()).port;
}
bool Stream::broken() const {
  return inner_->broken;
}

void Stream::interrupt() {
  inner_->interrupted = true;
  if (inner_->reader && inner_->registered) event_active(&inner_->event, EV_TIMEOUT, 1);
  inner_->loop.cancel_waits(inner_->fd.get());
}

void Stream::close() {
  if (inner_->tls && !inner_->broken) inner_->tls->close_notify();
  inner_->unregister();
  inner_->broken = true;
  inner_->fd.reset();
}

int Stream::fd() const {
  return inner_->fd.get();
}
EventLoop& Stream::loop() const {
  return inner_->loop;
}
std::uint64_t Stream::bytes_in() const {
  return inner_->bytes_in;
}
std::uint64_t Stream::bytes_out() const {
  return inner_->bytes_out;
}

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
  if (ready == Ready::closed) co_return temporary(place + ": " + std::string(kInterrupted));
  int problem = 0;
  socklen_t size = sizeof problem;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
  if (problem != 0) co_return std::unexpected(Error{Fault::temporary, system_error(place, problem).text});
  co_return Stream(loop, std::move(fd));
}

}  // namespace waxwing
