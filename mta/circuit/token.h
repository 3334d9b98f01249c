// By what a message of a circuit is known when it comes back: its circuit, number and time of sending, sealed with a key
// that only this instance has (HMAC-SHA256), so that nobody else can make one up.
//
//   circuitcheck.gateway.17.1790000000000.0f3c...   40 hexadecimal digits
//
// It stands in a field of its own and in Message-ID, which answers repeat in In-Reply-To and References.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/mail/header.h"

namespace waxwing::mta::circuit {

inline constexpr std::string_view kField = "Circuit-Check";

struct Token {
  std::string circuit;
  std::uint64_t number = 0;
  std::int64_t sent_ms = 0;  // wall time
  bool operator==(const Token&) const = default;
};

std::string seal(const std::string& key, const Token& token);

struct Found {
  enum class Kind { none, wrong, good } kind = Kind::none;
  Token token;  // when it is good
};
// The first good one; else whether there was one that is not of this key. Its cost has a bound, whatever the header is.
Found find_token(const std::string& key, const mail::HeaderBlock& header);

}  // namespace waxwing::mta::circuit
