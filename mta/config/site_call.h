// What stands in $[library,routine,argument], in rewrite rules and mapping tables alike.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::mta {

struct SiteCall {
  std::string name;  // "library.so,routine"; a prefix IMTA_LIB: is gone
  std::string_view argument;
};

// inside: without the brackets; argument is a view of it. Permanent error: a part is missing, or the library's
// name could lead out of its folder.
Result<SiteCall> parse_site_call(std::string_view inside);

}  // namespace waxwing::mta
