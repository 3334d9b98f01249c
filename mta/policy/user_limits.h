// What a user, or else the user's domain, may send: attributes that option.dat names (LDAP_SOURCEBLOCKLIMIT and kin).
#pragma once

#include <cstdint>
#include <string_view>

#include "mta/address/context.h"

namespace waxwing::mta {

struct UserLimits {
  std::int64_t blocks = 0, recipients = 0, cutoff = 0;  // of a message; 0: none
};

// auth_address: of the user who logged in; empty: nobody did, no limits. Free of look-ups where option.dat names no
// attribute. Errors: would-block, temporary.
Result<UserLimits> user_limits(const Lookup& lookup, std::string_view auth_address);

}  // namespace waxwing::mta
