// The PROXY protocol, versions 1 and 2: what a load balancer puts in front of a connection, to say whose it is.
//
// A pure function over the bytes that have come so far.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing {

struct ProxyHeader {
  std::size_t bytes = 0;  // of the connection, to skip
  // Empty addresses: the proxy's own connection (LOCAL), or a client it cannot name (UNKNOWN).
  std::string client_address, server_address;  // numeric
  int client_port = 0, server_port = 0;
};

inline constexpr std::size_t kMostProxyHeaderBytes = 4096;

// Nothing: more bytes are needed. Permanent error when that is no header, or a longer one.
Result<std::optional<ProxyHeader>> parse_proxy_header(std::string_view bytes);

}  // namespace waxwing
