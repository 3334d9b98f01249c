#include "mta/circuit/token.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <optional>

#include "common/base/strings.h"
#include "mta/config/circuits.h"

namespace waxwing::mta::circuit {

namespace {

constexpr std::string_view kPrefix = "circuitcheck.";
constexpr std::string_view kFields[] = {kField, "Message-ID", "In-Reply-To", "References"};
constexpr std::size_t kMostTokenBytes = 160, kSealBytes = 20;
constexpr int kMostTries = 50;  // of a header: each costs a digest

std::string digest(const std::string& key, std::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes, &size) == nullptr)
    return {};
  return to_hex({reinterpret_cast<const char*>(bytes), std::min<std::size_t>(size, kSealBytes)});
}

std::string plain(const Token& token) {
  return fmt::format("{}{}.{}.{}", kPrefix, token.circuit, token.number, token.sent_ms);
}

// What a header could hold of a token from here on.
std::string_view candidate(std::string_view text) {
  const auto end =
      std::ranges::find_if_not(text, [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; });
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

std::optional<Token> open(const std::string& key, std::string_view text) {
  if (text.size() > kMostTokenBytes) return std::nullopt;
  const auto pieces = split(text, '.');
  if (pieces.size() != 5 || !is_circuit_name(pieces[1])) return std::nullopt;
  const auto number = to_number<std::uint64_t>(pieces[2]);
  const auto sent_ms = to_number<std::int64_t>(pieces[3]);
  if (!number || !sent_ms) return std::nullopt;
  Token token{std::string(pieces[1]), *number, *sent_ms};
  const auto right = seal(key, token);
  if (right.ends_with('.')) return std::nullopt;  // no digest could be made
  if (right.size() != text.size() || CRYPTO_memcmp(right.data(), text.data(), right.size()) != 0)
    return std::nullopt;
  return token;
}

}  // namespace

std::string seal(const std::string& key, const Token& token) {
  const auto text = plain(token);
  return text + "." + digest(key, text);
}

Found find_token(const std::string& key, const mail::HeaderBlock& header) {
  Found found;
  int tries = 0;
  for (const auto& field : header.fields()) {
    if (std::ranges::none_of(kFields, [&](auto name) { return iequals(name, field.name); })) continue;
    for (auto at = field.value.find(kPrefix); at != field.value.npos;
         at = field.value.find(kPrefix, at + kPrefix.size())) {
      if (++tries > kMostTries) return found;
      found.kind = Found::Kind::wrong;
      if (auto token = open(key, candidate(field.value.substr(at, kMostTokenBytes + 1))))
        return {Found::Kind::good, std::move(*token)};
    }
  }
  return found;
}

}  // namespace waxwing::mta::circuit
