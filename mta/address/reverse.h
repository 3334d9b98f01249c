// Address reversal: the address the world is to see.
#pragma once

#include <string>
#include <string_view>

#include "mta/address/context.h"

namespace waxwing::mta {

// USE_REVERSE_DATABASE: To: and the like are reversed too.
bool reverses_forward(const Lookup& lookup);

// mail of the user or group that address belongs to by mailAlternateAddress (not mailEquivalentAddress), then
// the reverse database or the REVERSE mapping, as USE_REVERSE_DATABASE says. The directory being down changes nothing and is no
// error; the error is would-block only.
Result<std::string> reverse_address(const Lookup& lookup, const std::string& address, const Channel* source,
                                    const Channel* destination, bool envelope);

// domain, or what the source channel's defaulthost (the second one for submissions), or the local host name.
std::string complete_domain(const Lookup& lookup, std::string_view domain, const Channel* source,
                            bool submission);

}  // namespace waxwing::mta
