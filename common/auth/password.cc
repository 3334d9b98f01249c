#include "common/auth/password.h"

#include <crypt.h>

#include <algorithm>
#include <cstring>

#include "common/auth/detail/crypto.h"
#include "common/base/random.h"
#include "common/base/strings.h"

namespace waxwing::auth {

namespace {
constexpr std::size_t kMaxPasswordBytes = 1024;
constexpr int kMaxIterations = 5'000'000;  // a stored value must not hold a worker for minutes
constexpr int kPbkdf2Iterations = 60'000;
constexpr int kScramIterations = 4096;
constexpr std::size_t kSaltBytes = 16;

struct Salted {
  std::string_view scheme;
  Digest digest;
  bool salted;
  bool fit_for_new;
};
constexpr Salted kSalted[] = {
    {"SSHA512", Digest::sha512, true, true},  {"SSHA256", Digest::sha256, true, true},
    {"SSHA", Digest::sha1, true, true},       {"SHA512", Digest::sha512, false, false},
    {"SHA256", Digest::sha256, false, false}, {"SHA", Digest::sha1, false, false},
    {"MD5", Digest::md5, false, false},       {"SMD5", Digest::md5, true, false},
};
struct Derived {
  std::string_view scheme;
  Digest digest;
};
constexpr Derived kDerived[] = {
    {"PBKDF2-SHA256", Digest::sha256},
    {"PBKDF2-SHA512", Digest::sha512},
    {"PBKDF2-SHA1", Digest::sha1},
    {"PBKDF2", Digest::sha1},
};

struct Parts {
  std::string_view scheme;  // empty: none
  std::string_view value;
};
Parts parts_of(std::string_view stored) {
  if (!stored.starts_with('{')) return {"", stored};
  const auto end = stored.find('}');
  if (end == std::string_view::npos || end == 1) return {"", stored};
  return {stored.substr(1, end - 1), stored.substr(end + 1)};
}

template <class Table>
auto* find_scheme(Table& table, std::string_view scheme) {
  const auto at = std::ranges::find_if(table, [&](const auto& row) { return iequals(row.scheme, scheme); });
  return at == std::end(table) ? nullptr : &*at;
}

bool names_clear_text(std::string_view scheme) {
  return iequals(scheme, "CLEAR") || iequals(scheme, "CLEARTEXT") || iequals(scheme, "PLAIN");
}

std::unexpected<Error> malformed(std::string_view scheme) {
  return permanent("the stored {" + std::string(scheme) + "} password is malformed; set it anew");
}

Result<bool> verify_salted(const Salted& row, std::string_view value, std::string_view password) {
  const auto bytes = from_base64(value);
  const auto size = digest_size(row.digest);
  if (!bytes || bytes->size() < size || (!row.salted && bytes->size() != size)) return malformed(row.scheme);
  const std::string_view all = *bytes;
  return same_bytes(all.substr(0, size),
                    hash(row.digest, std::string(password) + std::string(all.substr(size))));
}

// Base64 as Python's passlib adapts it: "." for "+", no padding.
std::optional<std::string> from_adapted_base64(std::string_view text) {
  std::string standard = replace_all(std::string(text), ".", "+");
  while (standard.size() % 4 != 0) standard += '=';
  return from_base64(standard);
}
std::string to_adapted_base64(std::string_view bytes) {
  std::string text = replace_all(to_base64(bytes), "+", ".");
  while (text.ends_with('=')) text.pop_back();
  return text;
}

Result<bool> verify_derived(const Derived& row, std::string_view value, std::string_view password) {
  const auto fields = split(value, '$');
  if (fields.size() != 3) return malformed(row.scheme);
  const auto iterations = to_number<int>(fields[0]);
  const auto salt = from_adapted_base64(fields[1]);
  const auto key = from_adapted_base64(fields[2]);
  if (!iterations || *iterations < 1 || *iterations > kMaxIterations || !salt || !key || key->empty())
    return malformed(row.scheme);
  return same_bytes(*key, pbkdf2(row.digest, password, *salt, *iterations, key->size()));
}

Result<bool> verify_crypt(std::string_view value, std::string_view password) {
  crypt_data work{};
  const char* made = ::crypt_r(std::string(password).c_str(), std::string(value).c_str(), &work);
  if (made == nullptr || made[0] == '*') return malformed("CRYPT");
  return same_bytes(made, value);
}

Result<bool> verify_scram(std::string_view stored, std::string_view password) {
  TRY(const auto secret, parse_scram(stored));
  TRY(const auto prepared, prepare_password(password));
  return same_bytes(derive_scram(prepared, secret.salt, secret.iterations).stored_key, secret.stored_key);
}

Result<std::string> hash_crypt(std::string_view password) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  const auto noise = random_bytes(32);
  if (::crypt_gensalt_rn("$y$", 0, noise.data(), static_cast<int>(noise.size()), setting, sizeof setting) ==
      nullptr)
    return bug("crypt_gensalt cannot make a yescrypt salt");
  crypt_data work{};
  const char* made = ::crypt_r(std::string(password).c_str(), setting, &work);
  if (made == nullptr || made[0] == '*') return bug("crypt cannot make a yescrypt hash");
  return std::string("{CRYPT}") + made;
}
}  // namespace

bool is_clear_text(std::string_view stored) {
  const auto [scheme, value] = parts_of(stored);
  return scheme.empty() || names_clear_text(scheme);
}

std::string_view clear_text(std::string_view stored) {
  return parts_of(stored).value;
}

bool is_slow(std::string_view stored) {
  const auto scheme = parts_of(stored).scheme;
  return iequals(scheme, "CRYPT") || iequals(scheme, "SCRAM-SHA-256") ||
         find_scheme(kDerived, scheme) != nullptr;
}

Result<bool> verify_password(std::string_view stored, std::string_view password) {
  if (password.size() > kMaxPasswordBytes || password.find('\0') != std::string_view::npos) return false;
  const auto [scheme, value] = parts_of(stored);
  if (scheme.empty() || names_clear_text(scheme)) return !value.empty() && same_bytes(value, password);
  if (const auto* row = find_scheme(kSalted, scheme)) return verify_salted(*row, value, password);
  if (const auto* row = find_scheme(kDerived, scheme)) return verify_derived(*row, value, password);
  if (iequals(scheme, "CRYPT")) return verify_crypt(value, password);
  if (iequals(scheme, "SCRAM-SHA-256")) return verify_scram(stored, password);
  return permanent("the stored password has the unknown scheme {" + printable(scheme, 30) + "}");
}

Result<std::string> hash_password(std::string_view scheme, std::string_view password) {
  if (password.empty()) return permanent("the password is empty");
  if (password.size() > kMaxPasswordBytes || password.find('\0') != std::string_view::npos)
    return permanent("the password is longer than 1024 bytes or has a NUL in it");
  if (const auto* row = find_scheme(kSalted, scheme); row != nullptr && row->fit_for_new) {
    const auto salt = random_bytes(kSaltBytes);
    return "{" + std::string(row->scheme) + "}" +
           to_base64(hash(row->digest, std::string(password) + salt) + salt);
  }
  if (const auto* row = find_scheme(kDerived, scheme)) {
    const auto salt = random_bytes(kSaltBytes);
    return "{" + std::string(row->scheme) + "}" + std::to_string(kPbkdf2Iterations) + "$" +
           to_adapted_base64(salt) + "$" +
           to_adapted_base64(
               pbkdf2(row->digest, password, salt, kPbkdf2Iterations, digest_size(row->digest)));
  }
  if (iequals(scheme, "CRYPT")) return hash_crypt(password);
  if (iequals(scheme, "SCRAM-SHA-256")) {
    TRY(const auto prepared, prepare_password(password));
    const auto secret = derive_scram(prepared, random_bytes(kSaltBytes), kScramIterations);
    return "{SCRAM-SHA-256}" + std::to_string(secret.iterations) + "," + to_base64(secret.salt) + "," +
           to_base64(secret.stored_key) + "," + to_base64(secret.server_key);
  }
  if (names_clear_text(scheme)) return "{CLEAR}" + std::string(password);
  return permanent("'" + printable(scheme, 30) +
                   "' is no scheme for new passwords; use SSHA512, SSHA256, SSHA, PBKDF2-SHA256, "
                   "PBKDF2-SHA512, CRYPT, SCRAM-SHA-256 or CLEAR");
}

Result<ScramSecret> parse_scram(std::string_view stored) {
  const auto [scheme, value] = parts_of(stored);
  const auto fields = split(value, ',');
  if (!iequals(scheme, "SCRAM-SHA-256") || fields.size() != 4) return malformed("SCRAM-SHA-256");
  const auto iterations = to_number<int>(fields[0]);
  auto salt = from_base64(fields[1]), stored_key = from_base64(fields[2]),
       server_key = from_base64(fields[3]);
  if (!iterations || *iterations < 1 || *iterations > kMaxIterations || !salt || salt->empty() ||
      !stored_key || stored_key->size() != 32 || !server_key || server_key->size() != 32)
    return malformed("SCRAM-SHA-256");
  return ScramSecret{*iterations, std::move(*salt), std::move(*stored_key), std::move(*server_key)};
}

ScramSecret derive_scram(std::string_view password, std::string_view salt, int iterations) {
  const auto salted = pbkdf2(Digest::sha256, password, salt, iterations, 32);
  return {iterations, std::string(salt), hash(Digest::sha256, hmac(Digest::sha256, salted, "Client Key")),
          hmac(Digest::sha256, salted, "Server Key")};
}

}  // namespace waxwing::auth
