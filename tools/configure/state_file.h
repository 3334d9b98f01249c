// The state file: what was answered, one key=value a line, '#' comments. Its keys are the documented ones.
// Passwords stand in base64: that hides them from a glance, not from a reader; the file is 0600.
#pragma once

#include <string>

#include "tools/configure/settings.h"

namespace waxwing::configure {

Result<Settings> read_state_file(const std::string& path);
std::string state_text(const Settings& settings);

}  // namespace waxwing::configure
