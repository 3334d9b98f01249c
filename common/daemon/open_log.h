// The log as the log.* options of an instance say.
#pragma once

#include <string>

#include "common/config/config.h"

namespace waxwing {

// program: the name in every line, and of the file.
void open_log(const Config& config, const std::string& program);

}  // namespace waxwing
