// TLS contexts over OpenSSL: TLS 1.2 and later. A context can be shared by all streams of all threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

struct ssl_ctx_st;

namespace waxwing {

struct TlsCertificate {
  std::string certificate_file;  // PEM, chain included
  std::string key_file;          // PEM
};

// The server side: a default certificate and more chosen by SNI (the names in the certificates). It keeps
// what the files held when it was made; a stream keeps what it began with. Sessions resume by tickets.
class TlsServer {
 public:
  struct Options {
    std::vector<TlsCertificate> certificates;  // first is the default
    std::string minimum_protocol = "TLSv1.2";
    std::string cipher_list;     // OpenSSL syntax; empty: the library's default
    std::string client_ca_file;  // ask for a client certificate signed by one of these; empty: do not ask
  };
  static Result<TlsServer> create(Options options);
  std::shared_ptr<ssl_ctx_st> context() const { return context_; }

 private:
  std::shared_ptr<ssl_ctx_st> context_;
};

class TlsClient {
 public:
  struct Options {
    bool verify = false;      // certificate chain and host name must be right
    std::string ca_file;      // empty: the system's
    TlsCertificate identity;  // client certificate, may be empty
  };
  static Result<TlsClient> create(Options options);
  std::shared_ptr<ssl_ctx_st> context() const { return context_; }
  bool verifies() const { return verify_; }

 private:
  std::shared_ptr<ssl_ctx_st> context_;
  bool verify_ = false;
};

// A self-signed ECDSA P-256 certificate for these DNS names or addresses, ten years; the key file is 0600.
Result<> make_self_signed(const std::vector<std::string>& names, const TlsCertificate& files);
// Whether the first certificate in a file is for that host. An error when there is none.
Result<bool> certificate_is_for(const std::string& certificate_file, const std::string& host);

// When the first certificate of a PEM file ends, in seconds of the wall clock.
Result<std::int64_t> certificate_end(const std::string& file);

}  // namespace waxwing
