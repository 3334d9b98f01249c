// The name of a client, for Received:, the log, and service access filters.
#pragma once

#include <string>

#include "common/net/task.h"
#include "mta/transport/route.h"

namespace waxwing::mta {

// A name that DNS has for the address and that has this address in turn; else empty. Whoever owns an address
// may write any name there, "localhost" or a partner's, but not that name's addresses.
Task<std::string> client_name(NameService& names, std::string address);

}  // namespace waxwing::mta
