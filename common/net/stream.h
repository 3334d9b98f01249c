// Stream: a connected socket, plain or TLS, with an input and an output buffer, for one coroutine at a time.
//
// Output is collected by write() and goes out with flush() or when the next read has to wait for the
// peer: replies to a pipelined batch leave in one packet. Above kHighWater bytes of collected output,
// co_await flush() before writing more (back-pressure); TCP_NODELAY is set.
// Buffers are allocated when bytes are there and given back when they are drained: an idle stream
// costs this object and its socket.
//
// Errors: temporary for time-out and connection loss, permanent for a broken limit or TLS violation.
// is_timeout(), is_disconnect() and their like tell which.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/file.h"
#include "common/base/result.h"
#include "common/net/loop.h"
#include "common/net/proxy_header.h"
#include "common/net/tls.h"

namespace waxwing {

// How a line ends in this protocol.
enum class LineEnd {
  crlf,        // only CRLF ends a line; a bare LF or CR is part of it (SMTP, LMTP)
  crlf_or_lf,  // a bare LF is accepted as an end too (IMAP and POP commands typed by hand)
};

class Stream {
 public:
  static constexpr std::size_t kHighWater = 64 * 1024;

  Stream(EventLoop& loop, UniqueFd fd);
  Stream(Stream&&) noexcept;
  ~Stream();

  // Read side. A time-out of < 0 means the stream's default (set_timeout_ms, 300,000 at first).
  // One line without its end. A line longer than max_bytes is a permanent error "line too long" after
  // the whole line has been read and dropped, so that the session can answer and go on. The time-out is for
  // the line, not for each of its bytes: nobody keeps a session by dripping.
  Task<Result<std::string>> read_line(std::size_t max_bytes, LineEnd end = LineEnd::crlf);
  // Bytes that can be had without waiting for the peer. peek() shows them, skip() drops them: for
  // parsers that want no copy. fill() waits until at least one more byte is buffered (false: closed).
  std::string_view peek() const;
  void skip(std::size_t count);
  Task<Result<bool>> fill();
  // What a load balancer puts in front of a connection, and not a byte more: TLS may begin right behind it. Before
  // anything else is read; the time-out is for the whole header.
  Task<Result<ProxyHeader>> take_proxy_header();

  // Write side.
  void write(std::string_view bytes);
  std::size_t pending_output() const;
  Task<Result<>> flush();

  // Turns the connection into TLS, as server or client. What was buffered in clear before is dropped
  // (a command injected ahead of the handshake must not be taken as protected): RFC 3207 §4.2.
  Task<Result<>> start_tls_server(const TlsServer& context);
  // host: name for SNI and, when the context verifies, for the certificate check.
  Task<Result<>> start_tls_client(const TlsClient& context, const std::string& host);
  bool is_tls() const;
  // "TLSv1.3", "TLS_AES_256_GCM_SHA384", bits; empty/0 on a plain stream.
  std::string tls_protocol() const;
  std::string tls_cipher() const;
  int tls_bits() const;
  // "tls-exporter" (RFC 9266) or "tls-server-end-point" (RFC 5929): bytes that both ends of this connection
  // know and nobody between them; empty where there is none.
  std::string tls_channel_binding(std::string_view type) const;
  std::string tls_peer_subject() const;  // of a verified client certificate, else empty

  void set_timeout_ms(std::int64_t timeout_ms);
  // "127.0.0.1" / port; IPv6 in RFC 5952 form without brackets; empty for Unix sockets.
  std::string peer_address() const;
  int peer_port() const;
  std::string local_address() const;
  int local_port() const;
  // Peer went away or output failed; reads and writes now fail at once.
  bool broken() const;
  // Wakes the read that waits now, or the next one that would wait, with an error for which is_interrupt()
  // holds (same loop thread): for shutdown and IDLE. The stream stays usable.
  void interrupt();
  // Sends close_notify where TLS, then closes the socket.
  void close();
  int fd() const;
  EventLoop& loop() const;
  std::uint64_t bytes_in() const;
  std::uint64_t bytes_out() const;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

bool is_timeout(const Error& error);     // the peer said nothing in time
bool is_disconnect(const Error& error);  // the peer closed or the connection broke
bool is_interrupt(const Error& error);   // interrupt() was called
bool is_line_too_long(const Error& error);

// Connects within timeout_ms. address is numeric (v4 or v6); local_address may be empty.
Task<Result<Stream>> connect_tcp(EventLoop& loop, std::string address, int port, std::int64_t timeout_ms,
                                 std::string local_address);

}  // namespace waxwing
