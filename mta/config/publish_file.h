// A file that readers have whole, old or new, and that a power cut does not take back. Private to mta/config.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::mta {

// Replaces path durably and in one step. The error names the path; nothing is left beside it.
Result<> publish_file(const std::string& path, std::string_view bytes);

}  // namespace waxwing::mta
