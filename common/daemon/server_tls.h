// The TLS a server of this instance speaks: the tls.* options as OpenSSL contexts want them.
#pragma once

#include "common/config/config.h"
#include "common/net/tls.h"

namespace waxwing {

// Default certificate first, then those of tls.sni.*; a row of tls.sni.* without its key is left out.
TlsServer::Options server_tls_options(const Config& config);

}  // namespace waxwing
