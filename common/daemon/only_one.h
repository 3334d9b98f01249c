// One process of a kind in an instance: for daemons that hold something which two would spoil.
#pragma once

#include <string>

#include "common/base/file.h"

namespace waxwing {

// Locks run/NAME.lock below root for as long as the answer lives; programs started meanwhile do not inherit
// it. Temporary error when another process holds it: that one may be on its way out.
Result<UniqueFd> only_one(const std::string& root, const std::string& name);

}  // namespace waxwing
