#include "mta/address/srs.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "common/base/strings.h"
#include "mta/address/rewrite.h"
#include "mta/address/routed_address.h"

namespace waxwing::mta {

namespace {

constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";  // base 32
constexpr std::size_t kHashDigits = 6;
constexpr std::int64_t kDays = 1024, kDaySeconds = 86400;
constexpr std::size_t kMostBytes = 254;  // of an address, RFC 5321 §4.5.3.1.3

std::string hash_of(const std::string& secret, std::string_view text) {
  const auto lower = to_lower(text);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(lower.data()), lower.size(), bytes, &size) == nullptr)
    return {};
  std::string hash;
  for (std::size_t i = 0; i < kHashDigits; ++i) hash += kDigits[bytes[i] % 32];
  return hash;
}

// Every key is tried, and none of them tells how close a forgery came.
bool is_signed(const SrsKeys& keys, std::string_view hash, std::string_view text) {
  if (hash.size() != kHashDigits) return false;
  const auto said = to_lower(hash);
  bool good = false;
  for (const auto& secret : keys.secrets) {
    const auto right = hash_of(secret, text);
    if (right.size() == said.size() && CRYPTO_memcmp(right.data(), said.data(), said.size()) == 0)
      good = true;
  }
  return good;
}

std::string day_text(std::int64_t now_seconds) {
  const auto day = now_seconds / kDaySeconds % kDays;
  return {kDigits[static_cast<std::size_t>(day / 32)], kDigits[static_cast<std::size_t>(day % 32)]};
}

// Days since; one too many ahead, by a clock that differs, is none.
std::optional<std::int64_t> age_days(std::string_view text, std::int64_t now_seconds) {
  std::int64_t day = 0;
  for (const char c : to_lower(text)) {
    const auto digit = kDigits.find(c);
    if (digit == kDigits.npos) return std::nullopt;
    day = day * 32 + static_cast<std::int64_t>(digit);
  }
  if (text.size() != 2) return std::nullopt;
  const auto age = (now_seconds / kDaySeconds - day) % kDays;
  return age == kDays - 1 ? 0 : age;
}

bool is_separator(char c) {
  return c == '=' || c == '+' || c == '-';
}

char form_of(std::string_view local) {
  const bool srs = istarts_with(local, "SRS") && local.size() > 5 && is_separator(local[4]);
  return srs && (local[3] == '0' || local[3] == '1') ? local[3] : ' ';
}

Result<std::string> decode_first(const SrsKeys& keys, std::string_view text, std::int64_t now_seconds) {
  const auto hash = take_until(text, '=');
  const auto signed_text = text;
  const auto day = take_until(text, '=');
  const auto host = take_until(text, '=');
  if (host.empty() || text.empty()) return permanent("it is no SRS address");
  if (!is_signed(keys, hash, signed_text)) return permanent("it was not made here");
  const auto age = age_days(day, now_seconds);
  if (!age || *age > keys.most_days) return permanent("it is no longer valid");
  return std::string(text) + "@" + std::string(host);
}

Result<std::string> decode_second(const SrsKeys& keys, std::string_view text) {
  const auto hash = take_until(text, '=');
  const auto signed_text = text;
  const auto host = take_until(text, '=');
  if (host.empty() || text.size() < 2 || !is_separator(text[0])) return permanent("it is no SRS address");
  if (!is_signed(keys, hash, signed_text)) return permanent("it was not made here");
  return "SRS0" + std::string(text) + "@" + std::string(host);
}

}  // namespace

SrsKeys srs_keys(const MtaConfig& config) {
  SrsKeys keys;
  keys.domain = config.options().text(Opt::SRS_DOMAIN);
  if (keys.domain.empty()) return keys;
  for (const auto secret : split(config.options().text(Opt::SRS_SECRETS), ','))
    if (!trim(secret).empty()) keys.secrets.emplace_back(trim(secret));
  keys.most_days = std::clamp<std::int64_t>(config.options().number(Opt::SRS_MAXAGE), 1, kDays / 2);
  return keys;
}

bool is_srs(std::string_view local_part) {
  return form_of(local_part) != ' ';
}

std::optional<std::string> srs_encode(const SrsKeys& keys, std::string_view sender,
                                      std::int64_t now_seconds) {
  const auto at = sender.rfind('@');
  if (!keys.usable() || at == sender.npos || at == 0 || sender[0] == '"' || sender[0] == '@')
    return std::nullopt;
  const auto local = sender.substr(0, at), domain = sender.substr(at + 1);
  if (iequals(domain, keys.domain) || domain.starts_with('[')) return std::nullopt;
  std::string form = "SRS0", text;
  if (form_of(local) == '0') {
    form = "SRS1";
    text = std::string(domain) + "=" + std::string(local.substr(4));
  } else if (form_of(local) == '1') {
    // Whoever stands between the first and us drops out.
    auto rest = local.substr(5);
    take_until(rest, '=');
    form = "SRS1";
    text = rest;
  } else {
    text = day_text(now_seconds) + "=" + std::string(domain) + "=" + std::string(local);
  }
  auto made = form + "=" + hash_of(keys.secrets.front(), text) + "=" + text + "@" + keys.domain;
  if (made.size() > kMostBytes) return std::nullopt;
  return made;
}

Result<std::string> srs_decode(const SrsKeys& keys, std::string_view local_part, std::int64_t now_seconds) {
  const auto form = form_of(local_part);
  if (form == ' ') return permanent("it is no SRS address");
  const auto text = local_part.substr(5);
  return form == '0' ? decode_first(keys, text, now_seconds) : decode_second(keys, text);
}

Result<bool> wants_srs(const Lookup& lookup, std::string_view sender) {
  auto parsed = parse_routed_address(sender);
  if (!parsed) return false;
  RewriteRequest request;
  request.local = parsed->spec.local_part;
  request.domain = parsed->spec.domain;
  request.route = parsed->route;
  TRY(auto rewritten, rewrite(lookup, std::move(request)));
  return rewritten && rewritten->channel->is(Kw::addresssrs);
}

}  // namespace waxwing::mta
