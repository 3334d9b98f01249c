// What a Stream is made of: socket, buffers, TLS, and its one event. Shared by the .cc files of Stream only.
//
// The input side is edge-triggered: the descriptor is registered once, and a flag remembers whether the
// kernel may still hold bytes. A command then costs one epoll_wait, one recv and one send.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/socket.h>

#include <cerrno>

#include "common/net/detail/tls_session.h"
#include "common/net/stream.h"

namespace waxwing {

// Texts by which is_timeout() and its like know an error, also behind words put in front of it.
inline constexpr std::string_view kStreamTimeout = "the other side said nothing in time";
inline constexpr std::string_view kStreamClosed = "connection closed by the other side";
inline constexpr std::string_view kStreamInterrupted = "interrupted";
inline constexpr std::size_t kStreamReadBytes = 64 * 1024;

struct Stream::Inner {
  EventLoop& loop;
  UniqueFd fd;
  std::int64_t timeout_ms = 300000;
  std::string in, out;
  std::string peer;  // its address, once asked for
  std::size_t in_at = 0, out_at = 0;
  std::unique_ptr<TlsSession> tls;
  ::event event{};
  bool registered = false;
  // The kernel may hold bytes for us. Not asked of a new connection, whose peer seldom speaks first: the first
  // wait registers the descriptor, and then the kernel tells of what is there already.
  bool may_read = false;
  bool hung_up = false;  // the kernel has seen the peer's end: it may lie behind the bytes we read
  bool ended = false;    // the peer will send no more
  bool broken = false;
  bool interrupted = false;
  unsigned reads_in_a_row = 0;  // without a wait between them
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
    thread_local char buffer[kStreamReadBytes];
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
    if (ready == Ready::timeout) co_return temporary(std::string(kStreamTimeout));
    if (ready == Ready::closed) co_return temporary(std::string(kStreamInterrupted));
    co_return Result<>{};
  }

  Task<Result<>> wait_to_write() {
    // Edge-triggered like the read event: libevent refuses to mix the two kinds on one descriptor.
    EventLoop::Wait wait{loop, fd.get(), EV_WRITE | EV_ET, timeout_ms};
    const auto ready = co_await wait;
    if (ready == Ready::timeout) co_return temporary(std::string(kStreamTimeout));
    if (ready == Ready::closed) co_return temporary(std::string(kStreamInterrupted));
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

}  // namespace waxwing
