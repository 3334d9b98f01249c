// What a connection tells of the other side.
#pragma once

#include "common/auth/authenticator.h"
#include "common/net/stream.h"

namespace waxwing::auth {

// Its address, and what TLS knows of it.
Peer peer_of(Service service, const Stream& stream, std::string address);

}  // namespace waxwing::auth
