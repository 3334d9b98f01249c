// What an earlier start by another user, root most of all, left in the instance that the services could not write.
#pragma once

#include <string>

#include "common/base/result.h"

namespace waxwing {

// An error that names the first such file or folder, and the command that mends it. Looks at run, log, journal and queue
// and at what lies in them, no deeper. Root is never in the way of itself.
Result<> services_own(const std::string& root);

}  // namespace waxwing
