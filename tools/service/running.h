// Whether there is anybody to ask, before a tool waits for an answer.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing {

// Temporary error when nothing runs in the instance, or this service of it was stopped; it says what starts it. A
// service that is being started again counts as running: who asks it may wait.
Result<> check_runs(const std::string& root, std::string_view service);

// The same for one that listens on run/NAME, whoever started it.
Result<> check_listens(const std::string& root, std::string_view service);

}  // namespace waxwing
