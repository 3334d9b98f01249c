// Special-use attributes: RFC 6154 §2.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::imap {

// Blank-separated attributes in their usual spelling; permanent error for one this server does not keep.
Result<std::string> canonical_special_use(std::string_view list);

}  // namespace waxwing::imap
