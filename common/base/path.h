// Places of files, taken from their names.
#pragma once

#include <string>

namespace waxwing {

// What stands before the last slash: "." when there is none, "/" when that is all.
std::string parent_directory(const std::string& path);
// The directory that the running program lies in, symbolic links resolved; "." when the system does not tell.
std::string program_directory();

}  // namespace waxwing
