// Asking metermaid (metermaid/server.h tells the questions and answers).
#pragma once

#include <optional>
#include <string>

#include "common/base/record.h"

namespace waxwing::mta {

// root: of the instance. Its "answer"; nothing when there is none: policy that cannot be had must not stop the
// mail. Blocks for two seconds at most, and when it once blocked, nobody asks for ten seconds, so that a
// metermaid that hangs does not hold the workers. The log is told once a minute.
std::optional<Record> ask_meter(const std::string& root, const Record& question);

}  // namespace waxwing::mta
