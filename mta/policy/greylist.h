// The channel keyword grey: who is new is asked to come again.
#pragma once

#include <string>
#include <string_view>

#include "mta/address/context.h"

namespace waxwing::mta {

// "192.0.2.0" for 192.0.2.77, "2001:db8:1:2::" for an address in that /64; what is no address as it is. Big
// senders try again from a neighbour of the host that tried first.
std::string neighbourhood(std::string_view client_ip);

// Whether client, sender and recipient together are too new in metermaid's table greylist. Counts one try. Error:
// would-block only (Ask::cache_only). While metermaid does not answer nobody is new.
Result<bool> is_greylisted(const Lookup& lookup, std::string_view client_ip, std::string_view sender,
                           std::string_view recipient);

}  // namespace waxwing::mta
