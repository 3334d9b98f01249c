// One TLS connection over a non-blocking descriptor; the thin skin between Stream and OpenSSL.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "common/net/tls.h"

struct ssl_st;

namespace waxwing {

class TlsSession {
 public:
  enum class Status { done, want_read, want_write, closed, failed };
  struct Outcome {
    Status status = Status::failed;
    std::size_t count = 0;
  };
  static std::unique_ptr<TlsSession> server(const TlsServer& context, int fd);
  static std::unique_ptr<TlsSession> client(const TlsClient& context, const std::string& host, int fd);

  Status handshake();
  Outcome read(char* buffer, std::size_t size);
  Outcome write(const char* bytes, std::size_t count);
  bool pending() const;  // decrypted bytes are waiting inside OpenSSL
  void close_notify();

  std::string protocol() const;
  std::string cipher() const;
  int bits() const;
  std::string peer_subject() const;
  std::string channel_binding(std::string_view type) const;
  std::string last_error() const { return last_error_; }

 private:
  TlsSession(std::shared_ptr<ssl_ctx_st> context, int fd);
  Outcome outcome_of(int returned, std::size_t count);
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  std::shared_ptr<ssl_ctx_st> context_;
  std::unique_ptr<ssl_st, Free> ssl_;
  std::string last_error_;
};

// The newest OpenSSL error of this thread, in words; clears the queue.
std::string openssl_error();

}  // namespace waxwing
