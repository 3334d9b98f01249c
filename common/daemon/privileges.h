// Privileges: the suite runs as an ordinary service user; what is left of root is one capability, and not for
// long.
//
// watcher, started by root, becomes the service user before it starts anybody, keeping only the right to bind
// ports below 1024, which its children inherit. Each daemon gives that up as soon as it has bound its ports.
#pragma once

#include <string>

#include "common/base/result.h"

namespace waxwing {

// From root to that user, its group and supplementary groups, for good; CAP_NET_BIND_SERVICE stays and passes
// on to programs started from here. An empty name stands for the owner of ROOT/config. Does nothing when that is root, or
// the process is not root's. Call it while the process has one thread. Errors name the user and what could not be done.
Result<> become_service_user(const std::string& user, const std::string& root);

// Gives up every capability of the calling thread, and so of the threads and programs it starts from now on.
// For root (who asked for no service user) nothing changes. Call it on the main thread when the ports are
// bound and before other threads are started.
void drop_capabilities();

}  // namespace waxwing
