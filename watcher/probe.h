// Asking a directory server whether it is there: it is no program of ours and gives no sign of life by itself.
#pragma once

#include <cstdint>
#include <string>

#include "common/net/loop.h"

namespace waxwing {

// Whether somebody accepts connections on the Unix socket. Never blocks.
bool accepts_connections(const std::string& path);

// Whether an LDAP server answers an anonymous bind on its Unix socket, by whatever result, in time (RFC 4511, 4.2).
Task<bool> answers_bind(EventLoop& loop, std::string path, std::int64_t timeout_ms);

}  // namespace waxwing
