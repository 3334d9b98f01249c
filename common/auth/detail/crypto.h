// The few primitives that mechanisms and stored passwords need, over OpenSSL. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace waxwing::auth {

enum class Digest { md5, sha1, sha256, sha512 };
std::size_t digest_size(Digest digest);
std::string hash(Digest digest, std::string_view bytes);
std::string hmac(Digest digest, std::string_view key, std::string_view bytes);
// RFC 8018 PBKDF2 with HMAC.
std::string pbkdf2(Digest digest, std::string_view password, std::string_view salt, int iterations,
                   std::size_t size);
// Takes the same time wherever the difference is; only the lengths may be guessed.
bool same_bytes(std::string_view a, std::string_view b);

}  // namespace waxwing::auth
