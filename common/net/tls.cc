#include "common/net/tls.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

#include "common/base/file.h"
#include "common/base/random.h"
#include "common/net/detail/tls_session.h"

namespace waxwing {

namespace {
using ContextPtr = std::shared_ptr<SSL_CTX>;

// The contexts of all certificates: what chooses by name needs them as long as a stream lives.
struct Contexts {
  std::vector<ContextPtr> all;
};

// OpenSSL's words for this help nobody.
Result<> check_readable(const std::string& file) {
  if (::access(file.c_str(), R_OK) == 0) return {};
  const int why = errno;
  auto error = system_error("cannot read " + file, why);
  if (why == EACCES) error.text += "; the user that runs the services must be able to: chown or chmod it";
  return std::unexpected(error);
}

Result<> use_certificate(SSL_CTX* context, const TlsCertificate& files) {
  for (const auto* file : {&files.certificate_file, &files.key_file}) TRY_VOID(check_readable(*file));
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate_file.c_str()) != 1)
    return permanent("cannot use TLS certificate " + files.certificate_file + ": " + openssl_error());
  if (SSL_CTX_use_PrivateKey_file(context, files.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return permanent("cannot use TLS key " + files.key_file + " with " + files.certificate_file + ": " +
                     openssl_error());
  return {};
}

Result<int> protocol_number(const std::string& name) {
  if (name == "TLSv1.2") return TLS1_2_VERSION;
  if (name == "TLSv1.3") return TLS1_3_VERSION;
  return permanent("minimum TLS protocol '" + name + "' is not TLSv1.2 or TLSv1.3");
}

ContextPtr new_context(const SSL_METHOD* method) {
  ContextPtr context(SSL_CTX_new(method), SSL_CTX_free);
  // A peer that closes without close_notify is a closed connection, not an attack on a line protocol.
  SSL_CTX_set_options(context.get(),
                      SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  return context;
}

// Picks the context whose certificate carries the name the client asked for.
int choose_by_name(SSL* ssl, int*, void* argument) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_OK;
  for (const auto& context : static_cast<Contexts*>(argument)->all) {
    X509* certificate = SSL_CTX_get0_certificate(context.get());
    if (certificate != nullptr && X509_check_host(certificate, name, 0, 0, nullptr) == 1) {
      SSL_set_SSL_CTX(ssl, context.get());
      break;
    }
  }
  return SSL_TLSEXT_ERR_OK;
}

Result<ContextPtr> server_context(const TlsServer::Options& options, const TlsCertificate& files) {
  TRY(const int minimum, protocol_number(options.minimum_protocol));
  auto context = new_context(TLS_server_method());
  SSL_CTX_set_min_proto_version(context.get(), minimum);
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("waxwing"), 7);
  TRY_VOID(use_certificate(context.get(), files));
  if (!options.cipher_list.empty() &&
      SSL_CTX_set_cipher_list(context.get(), options.cipher_list.c_str()) != 1)
    return permanent("no usable cipher in '" + options.cipher_list + "'");
  if (!options.client_ca_file.empty()) {
    if (SSL_CTX_load_verify_locations(context.get(), options.client_ca_file.c_str(), nullptr) != 1)
      return permanent("cannot read client CA file " + options.client_ca_file + ": " + openssl_error());
    SSL_CTX_set_client_CA_list(context.get(), SSL_load_client_CA_file(options.client_ca_file.c_str()));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  }
  return context;
}

}  // namespace

Result<TlsServer> TlsServer::create(Options options) {
  if (options.certificates.empty()) return permanent("no TLS certificate is configured");
  const auto contexts = std::make_shared<Contexts>();
  for (const auto& files : options.certificates) {
    TRY(auto context, server_context(options, files));
    contexts->all.push_back(std::move(context));
  }
  auto* first = contexts->all.front().get();
  SSL_CTX_set_tlsext_servername_callback(first, choose_by_name);
  SSL_CTX_set_tlsext_servername_arg(first, contexts.get());
  TlsServer server;
  server.context_ = {contexts, first};
  return server;
}

Result<TlsClient> TlsClient::create(Options options) {
  TlsClient client;
  client.context_ = new_context(TLS_client_method());
  client.verify_ = options.verify;
  auto* context = client.context_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  if (options.verify) {
    const bool loaded = options.ca_file.empty()
                            ? SSL_CTX_set_default_verify_paths(context) == 1
                            : SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr) == 1;
    if (!loaded) return permanent("cannot read CA file " + options.ca_file + ": " + openssl_error());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (!options.identity.certificate_file.empty()) TRY_VOID(use_certificate(context, options.identity));
  return client;
}

namespace {
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;

Result<Certificate> first_certificate(const std::string& file) {
  TRY_VOID(check_readable(file));
  TRY(const auto pem, read_file(file, 1 << 20));
  const std::unique_ptr<BIO, decltype(&BIO_free)> in(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  Certificate certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  if (!certificate) return permanent(file + " holds no certificate: " + openssl_error());
  return certificate;
}

}  // namespace

Result<std::int64_t> certificate_end(const std::string& file) {
  TRY(const auto certificate, first_certificate(file));
  std::tm when{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &when) != 1)
    return permanent(file + ": its certificate has no end");
  return ::timegm(&when);
}

namespace {
void add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  if (X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())) {
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
}

std::string subject_alternatives(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) {
    const bool numeric = name.find_first_not_of("0123456789.:abcdefABCDEF") == std::string::npos &&
                         name.find_first_of("0123456789:") == 0;
    list += std::string(list.empty() ? "" : ",") + (numeric ? "IP:" : "DNS:") + name;
  }
  return list;
}

template <class Write>
Result<> write_pem(const std::string& path, mode_t mode, Write write) {
  BIO* out = BIO_new(BIO_s_mem());
  const bool written = write(out) == 1;
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out, &text);
  const std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(out);
  if (!written) return bug("cannot encode " + path + ": " + openssl_error());
  return replace_file(path, pem, mode);
}
}  // namespace

Result<> make_self_signed(const std::vector<std::string>& names, const TlsCertificate& files) {
  if (names.empty()) return permanent("a certificate needs at least one name");
  const std::unique_ptr<EVP_PKEY, FreeKey> key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (!key || !certificate) return bug("cannot make a key: " + openssl_error());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), random_u64() >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -86400);
  X509_time_adj_ex(X509_getm_notAfter(certificate.get()), 3650, 0, nullptr);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(names.front().c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  add_extension(certificate.get(), NID_subject_alt_name, subject_alternatives(names));
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0)
    return bug("cannot sign the certificate: " + openssl_error());
  TRY_VOID(write_pem(files.key_file, 0600, [&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  }));
  return write_pem(files.certificate_file, 0644,
                   [&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); });
}

Result<bool> certificate_is_for(const std::string& certificate_file, const std::string& host) {
  TRY(const auto certificate, first_certificate(certificate_file));
  return X509_check_host(certificate.get(), host.c_str(), host.size(), 0, nullptr) == 1;
}

}  // namespace waxwing
