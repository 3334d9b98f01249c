// A folder of this process for files that are read by their names; in memory where there is such a place.
#pragma once

#include <string>

namespace waxwing::fuzz {

// Made anew and empty at the first call with this name, and removed when the process ends.
std::string scratch(const std::string& name);

}  // namespace waxwing::fuzz
