// Commands that root runs act as the user whom the instance belongs to: what they write, the services can
// read.
#pragma once

#include <string>

#include "common/base/result.h"

namespace waxwing {

// Does nothing unless we are root and ROOT/config belongs to somebody else. Call it before anything is
// opened.
Result<> become_owner_of(const std::string& root);

}  // namespace waxwing
