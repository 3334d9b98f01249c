#include "imapd/urlauth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdexcept>

#include "common/base/strings.h"

namespace waxwing::imap {
namespace {
constexpr std::string_view kAlgorithm = "01";
}

std::string sign_url(std::string_view key, std::string_view signed_part) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(signed_part.data());
  if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, signed_part.size(), digest, &size))
    throw std::runtime_error("HMAC-SHA-256 is not to be had");
  return std::string(kAlgorithm) + to_hex({reinterpret_cast<const char*>(digest), size});
}

bool is_signed(std::string_view key, std::string_view signed_part, std::string_view token) {
  if (key.empty()) return false;
  const auto right = sign_url(key, signed_part);
  const auto given = to_lower(token);
  return given.size() == right.size() && CRYPTO_memcmp(given.data(), right.data(), right.size()) == 0;
}

}  // namespace waxwing::imap
