// Stored passwords: userPassword values with their scheme in braces (RFC 2307 style).
//
//   {SSHA} {SHA} {SSHA256} {SHA256} {SSHA512} {SHA512} {MD5} {SMD5}   base64(digest + salt)
//   {CRYPT}...            crypt(3): $2b$ $y$ $6$ $5$ $1$ DES ...
//   {PBKDF2-SHA256}iterations$salt$hash   as OpenLDAP's pw-pbkdf2 writes it (adapted base64); also
//   {PBKDF2} {PBKDF2-SHA1} {PBKDF2-SHA512}
//   {SCRAM-SHA-256}iterations,base64(salt),base64(StoredKey),base64(ServerKey)
//   {CLEAR}... {CLEARTEXT}... {PLAIN}... or no scheme: clear text
// Schemes compare case-blind. All functions are thread-safe; comparison takes the same time wherever the
// difference is.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::auth {

// True when verifying may take over 100 microseconds: not on an event loop.
bool is_slow(std::string_view stored);
// True when the value is the password itself.
bool is_clear_text(std::string_view stored);
// The password itself of a clear-text value.
std::string_view clear_text(std::string_view stored);

// Permanent error: unknown scheme or malformed value (the text never shows it).
Result<bool> verify_password(std::string_view stored, std::string_view password);

// A new value. scheme: one of the names above without braces. Permanent error for one that is unknown or
// unfit for new passwords ({SHA}, {MD5}, DES crypt). {CRYPT} gives yescrypt.
Result<std::string> hash_password(std::string_view scheme, std::string_view password);

// The four parts of a {SCRAM-SHA-256} value; salt and keys as raw bytes.
struct ScramSecret {
  int iterations = 0;
  std::string salt, stored_key, server_key;
};
Result<ScramSecret> parse_scram(std::string_view stored);
// RFC 5802 §3 with SHA-256; password must have passed prepare_password().
ScramSecret derive_scram(std::string_view password, std::string_view salt, int iterations);

// SASLprep (RFC 4013) where it matters: non-ASCII spaces to space, soft hyphens and the like away, NFKC,
// control characters refused. Permanent error when not valid UTF-8 or a prohibited character is in it.
Result<std::string> prepare_password(std::string_view text);

}  // namespace waxwing::auth
