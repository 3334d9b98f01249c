// SRS: envelope senders of forwarded mail in our own name, so that the next host's SPF check is about us, and
// bounces that come to such an address on their way back.
//
//   SRS0=HHHHHH=TT=their.example=local@ours      of local@their.example
//   SRS1=HHHHHH=first.example==rest@ours         of SRS0=rest@first.example, which somebody else made
// HHHHHH: HMAC-SHA-256 of what follows, in lower case; TT: the day, of 1024. Whoever has no key cannot make one, and one is
// good for SRS_MAXAGE days, so nobody can send through us with them. Pure functions but for wants_srs().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mta/address/context.h"

namespace waxwing::mta {

struct SrsKeys {
  std::string domain;                // SRS_DOMAIN
  std::vector<std::string> secrets;  // SRS_SECRETS: the first signs, all are good
  std::int64_t most_days = 14;       // SRS_MAXAGE
  bool usable() const { return !domain.empty() && !secrets.empty(); }
};
SrsKeys srs_keys(const MtaConfig& config);

// The sender in our name; nothing when it needs none (null, ours already) or would be too long.
std::optional<std::string> srs_encode(const SrsKeys& keys, std::string_view sender, std::int64_t now_seconds);

// Whether a local part is one of these, right or wrong.
bool is_srs(std::string_view local_part);
// The address behind it: an error, with the reason, when it is forged, too old or malformed.
Result<std::string> srs_decode(const SrsKeys& keys, std::string_view local_part, std::int64_t now_seconds);

// The sender's address belongs to a channel with addresssrs. The error is would-block, or the directory's.
Result<bool> wants_srs(const Lookup& lookup, std::string_view sender);

}  // namespace waxwing::mta
