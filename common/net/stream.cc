#include "common/net/stream.h"

#include "common/base/time.h"
#include "common/net/detail/stream_inner.h"
#include "common/net/listener.h"

namespace waxwing {

namespace {
constexpr std::string_view kLineTooLong = "line too long";
constexpr unsigned kReadsInARow = 16;

std::unexpected<Error> closed() {
  return temporary(std::string(kStreamClosed));
}
}  // namespace

bool is_timeout(const Error& error) {
  return error.text.ends_with(kStreamTimeout);
}
bool is_disconnect(const Error& error) {
  return error.text.ends_with(kStreamClosed);
}
bool is_interrupt(const Error& error) {
  return error.text.ends_with(kStreamInterrupted);
}
bool is_line_too_long(const Error& error) {
  return error.text.ends_with(kLineTooLong);
}

Stream::Stream(EventLoop& loop, UniqueFd fd) : inner_(std::make_unique<Inner>(loop, std::move(fd))) {}
Stream::Stream(Stream&&) noexcept = default;
Stream::~Stream() = default;

Task<Result<bool>> Stream::fill() {
  auto& s = *inner_;
  for (;;) {
    if (s.broken || s.ended) co_return false;
    if (s.may_read || (s.tls && s.tls->pending())) {
      const auto got = s.tls ? s.read_tls() : s.read_plain();
      if (got == Inner::Got::bytes) {
        // A peer that sends faster than we take must not have the loop to itself.
        if (++s.reads_in_a_row >= kReadsInARow) {
          s.reads_in_a_row = 0;
          co_await s.loop.sleep(0);
        }
        co_return true;
      }
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
    s.reads_in_a_row = 0;
    auto waited = co_await s.wait_for_bytes();
    CO_TRY_VOID(waited);
  }
}

Task<Result<std::string>> Stream::read_line(std::size_t max_bytes, LineEnd end) {
  auto& s = *inner_;
  std::size_t scanned = 0;
  bool dropping = false;
  const auto limit_ms = s.timeout_ms;
  std::int64_t until_ms = -1;  // when the whole line must be there
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
    if (limit_ms >= 0) {
      const auto now_ms = monotonic_ms();
      if (until_ms < 0) until_ms = now_ms + limit_ms;
      if (until_ms < now_ms) co_return temporary(std::string(kStreamTimeout));
      s.timeout_ms = until_ms - now_ms;
    }
    auto more = co_await fill();
    s.timeout_ms = limit_ms;
    CO_TRY(const bool open, std::move(more));
    if (!open) co_return closed();
    scanned = std::min(scanned, before);
  }
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

void Stream::set_timeout_ms(std::int64_t timeout_ms) {
  inner_->timeout_ms = timeout_ms;
}
std::string Stream::peer_address() const {
  if (inner_->peer.empty()) inner_->peer = peer_name(inner_->fd.get()).address;
  return inner_->peer;
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

}  // namespace waxwing
