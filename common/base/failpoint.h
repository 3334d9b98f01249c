// Named places where a test can make the disk fail or the process die.
//
// Every durable step calls failpoint("room.step"). In service this is one load of a flag. The environment
// variable WAXWING_FAILPOINTS arms them: "name=action[@n][;name=action...]", action one of
//   exit     die at once, as kill -9 would          enospc   answer "No space left on device"
//   eio      answer "Input/output error"
// @n: only at the n-th time the place is passed (from 1); without it, every time.
//
// A value that is the absolute path of a file puts the whole family of processes under one hand: the first
// line of the file is one such item, its name optionally behind "program:", and is read anew at each place
// passed. Who acts takes the line away (with the last one the file), so each is done once, whoever is started
// again afterwards. What is passed stands in FILE.passed: "program name", the first time in each process.
#pragma once

#include "common/base/result.h"

namespace waxwing {

Result<> failpoint(const char* name);

// Arms failpoints from a specification as above, for tests in the same process; "" disarms all.
void arm_failpoints(const std::string& specification);

}  // namespace waxwing
