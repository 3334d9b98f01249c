// What an address comes to, in a line, and the one recipient it has.
#pragma once

#include "mta/address/resolve.h"
#include "t/unit/mta_address/fixture.h"

namespace waxwing::mta {

// "channel:address" of all recipients with blanks between, members' problems as "!status"; or "code status".
inline std::string resolve(Site& site, const std::string& address, const std::string& from = "a@far.x",
                           std::uint64_t size = 0, const std::string& auth = "") {
  const auto outcome =
      resolve_recipient(site.lookup(), {address, site.channel("tcp_local"), from, auth, size, false});
  if (!outcome) return "error " + outcome.error().text;
  if (!*outcome) return std::to_string(outcome->error().code) + " " + outcome->error().status;
  std::string text;
  for (const auto& each : (*outcome)->recipients)
    text += (text.empty() ? "" : " ") + each.channel + ":" + each.address +
            (each.envelope_from.empty() ? "" : "<" + each.envelope_from);
  for (const auto& each : (*outcome)->member_problems) text += " !" + each.status;
  return text;
}

inline Recipient only(Site& site, const std::string& address) {
  const auto outcome =
      resolve_recipient(site.lookup(), {address, site.channel("tcp_local"), "", "", 0, false});
  REQUIRE(outcome);
  REQUIRE(*outcome);
  REQUIRE((*outcome)->recipients.size() == 1);
  return (*outcome)->recipients[0];
}

}  // namespace waxwing::mta
