// Is there such a name, or does the disk not tell? For those who pass over what is missing.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace waxwing {

// False only when there is, or can be, no such name; an error when it cannot be known. file_exists() takes both for one.
Result<bool> is_there(const std::string& path);
// As list_directory() of common/base/file.h: no names when there is, or can be, no such directory.
Result<std::vector<std::string>> list_if_there(const std::string& path);

}  // namespace waxwing
