#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/net/detail/tls_session.h"

namespace waxwing {

std::string openssl_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "connection ended";
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  return text;
}

void TlsSession::Free::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

TlsSession::TlsSession(std::shared_ptr<ssl_ctx_st> context, int fd)
    : context_(std::move(context)), ssl_(SSL_new(context_.get())) {
  SSL_set_fd(ssl_.get(), fd);
}

std::unique_ptr<TlsSession> TlsSession::server(const TlsServer& context, int fd) {
  std::unique_ptr<TlsSession> session(new TlsSession(context.context(), fd));
  SSL_set_accept_state(session->ssl_.get());
  return session;
}

std::unique_ptr<TlsSession> TlsSession::client(const TlsClient& context, const std::string& host, int fd) {
  std::unique_ptr<TlsSession> session(new TlsSession(context.context(), fd));
  auto* ssl = session->ssl_.get();
  SSL_set_connect_state(ssl);
  if (!host.empty()) {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    if (context.verifies()) SSL_set1_host(ssl, host.c_str());
  }
  return session;
}

TlsSession::Outcome TlsSession::outcome_of(int returned, std::size_t count) {
  if (returned > 0) return {Status::done, count};
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return {Status::want_read, 0};
    case SSL_ERROR_WANT_WRITE:
      return {Status::want_write, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {Status::closed, 0};
  }
  last_error_ = openssl_error();
  if (const auto verdict = SSL_get_verify_result(ssl_.get()); verdict != X509_V_OK)
    last_error_ += std::string(" (") + X509_verify_cert_error_string(verdict) + ")";
  return {Status::failed, 0};
}

TlsSession::Status TlsSession::handshake() {
  ERR_clear_error();
  return outcome_of(SSL_do_handshake(ssl_.get()), 0).status;
}

TlsSession::Outcome TlsSession::read(char* buffer, std::size_t size) {
  ERR_clear_error();
  std::size_t count = 0;
  const int returned = SSL_read_ex(ssl_.get(), buffer, size, &count);  // before count is looked at
  return outcome_of(returned, count);
}

TlsSession::Outcome TlsSession::write(const char* bytes, std::size_t count) {
  ERR_clear_error();
  std::size_t put = 0;
  const int returned = SSL_write_ex(ssl_.get(), bytes, count, &put);
  return outcome_of(returned, put);
}

bool TlsSession::pending() const {
  return SSL_pending(ssl_.get()) > 0;
}

void TlsSession::close_notify() {
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

std::string TlsSession::protocol() const {
  return SSL_get_version(ssl_.get());
}
std::string TlsSession::cipher() const {
  return SSL_get_cipher_name(ssl_.get());
}
int TlsSession::bits() const {
  return SSL_get_cipher_bits(ssl_.get(), nullptr);
}

namespace {
// RFC 9266: TLS 1.3 only, where every session has an exporter of its own.
std::string exporter_binding(SSL* ssl) {
  constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
  unsigned char bytes[32];
  if (SSL_version(ssl) < TLS1_3_VERSION ||
      SSL_export_keying_material(ssl, bytes, sizeof bytes, kLabel.data(), kLabel.size(), nullptr, 0, 0) != 1)
    return "";
  return {reinterpret_cast<char*>(bytes), sizeof bytes};
}

// RFC 5929 §4.1: the server's certificate under the hash of its signature, with SHA-256 for MD5 and SHA-1. A
// signature without a hash of its own (Ed25519) has no such binding.
std::string end_point_binding(X509* certificate) {
  int hash = NID_undef;
  if (certificate == nullptr || OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &hash, nullptr) != 1)
    return "";
  if (hash == NID_md5 || hash == NID_sha1) hash = NID_sha256;
  const EVP_MD* method = EVP_get_digestbynid(hash);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (method == nullptr || X509_digest(certificate, method, bytes, &size) != 1) return "";
  return {reinterpret_cast<char*>(bytes), size};
}
}  // namespace

std::string TlsSession::channel_binding(std::string_view type) const {
  if (type == "tls-exporter") return exporter_binding(ssl_.get());
  if (type != "tls-server-end-point") return "";
  return end_point_binding(SSL_is_server(ssl_.get()) ? SSL_get_certificate(ssl_.get())
                                                     : SSL_get0_peer_certificate(ssl_.get()));
}

std::string TlsSession::peer_subject() const {
  if (SSL_get_verify_result(ssl_.get()) != X509_V_OK) return "";
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return "";
  BIO* out = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out, &text);
  std::string subject(text, static_cast<std::size_t>(size));
  BIO_free(out);
  return subject;
}

}  // namespace waxwing
