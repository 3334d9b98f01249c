// The error of Ask::cache_only, for others who can answer only after a wait.
#pragma once

#include "common/base/result.h"

namespace waxwing::directory {

// is_would_block() is true for it: repeat the call on a worker, with Ask::may_block.
Error would_block();

}  // namespace waxwing::directory
