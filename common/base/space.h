// Is there no room on the disk? The answers to clients tell it apart from other trouble (452 4.3.1).
#pragma once

#include "common/base/result.h"

namespace waxwing {

// True for errors that come of a full disk or of a file system quota that is used up.
bool is_no_space(const Error& error);

}  // namespace waxwing
