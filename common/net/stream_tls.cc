// The TLS side of a Stream.
#include "common/net/detail/stream_inner.h"

namespace waxwing {

namespace {
template <class Inner>  // Stream::Inner is private to Stream
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
std::string Stream::tls_channel_binding(std::string_view type) const {
  return inner_->tls ? inner_->tls->channel_binding(type) : "";
}
std::string Stream::tls_peer_subject() const {
  return inner_->tls ? inner_->tls->peer_subject() : "";
}

}  // namespace waxwing
