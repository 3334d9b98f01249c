// Named places where a test can make the disk fail or the process die.
//
// Every durable step calls failpoint("room.step"). In service this is one load of a flag. The environment
// variable WAXWING_FAILPOINTS arms them: "name=action[@n][;name=action...]", action one of
//   exit     die at once, as kill -9 would          enospc   answer "No space left on device"
//   eio      answer "Input/output error"
// @n: only at the n-th time the place is passed (from 1); without it, every time.
#pragma once

#include "common/base/result.h"

namespace waxwing {

Result<> failpoint(const char* name);

// Arms failpoints from a specification as above, for tests in the same process; "" disarms all.
void arm_failpoints(const std::string& specification);

}  // namespace waxwing
