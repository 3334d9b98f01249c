#include "common/auth/detail/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdexcept>

namespace waxwing::auth {

namespace {
const EVP_MD* method(Digest digest) {
  switch (digest) {
    case Digest::md5:
      return EVP_md5();
    case Digest::sha1:
      return EVP_sha1();
    case Digest::sha256:
      return EVP_sha256();
    case Digest::sha512:
      return EVP_sha512();
  }
  return nullptr;
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string(what) + " failed; the OpenSSL library does not offer it");
}
}  // namespace

std::size_t digest_size(Digest digest) {
  return static_cast<std::size_t>(EVP_MD_get_size(method(digest)));
}

std::string hash(Digest digest, std::string_view bytes) {
  std::string result(digest_size(digest), '\0');
  unsigned size = 0;
  check(EVP_Digest(bytes.data(), bytes.size(), raw(result), &size, method(digest), nullptr) == 1, "digest");
  return result;
}

std::string hmac(Digest digest, std::string_view key, std::string_view bytes) {
  std::string result(digest_size(digest), '\0');
  unsigned size = 0;
  check(HMAC(method(digest), key.data(), static_cast<int>(key.size()), raw(bytes), bytes.size(), raw(result),
             &size) != nullptr,
        "HMAC");
  return result;
}

std::string pbkdf2(Digest digest, std::string_view password, std::string_view salt, int iterations,
                   std::size_t size) {
  std::string result(size, '\0');
  check(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt),
                          static_cast<int>(salt.size()), iterations, method(digest), static_cast<int>(size),
                          raw(result)) == 1,
        "PBKDF2");
  return result;
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace waxwing::auth
