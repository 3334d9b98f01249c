// Why mail is refused for the time being, though services run: for start-msg --status.
#pragma once

#include <string>
#include <vector>

#include "common/config/config.h"

namespace waxwing {

// A line each: what, where, what to do. Disks that are full are disk_space.h's. Asks the journal, stored and the directory;
// blocks for some seconds where one of them does not answer. One of them that does not run is not told of.
std::vector<std::string> why_mail_is_refused(const Config& config);

}  // namespace waxwing
