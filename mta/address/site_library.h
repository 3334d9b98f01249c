// Libraries of the site, opened and kept. Private to mta/address.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "include/waxwing/site_routine.h"

namespace waxwing::mta {

// The routine "library.so,routine"; a library without a slash is one of root/site-programs. Permanent error:
// not there, or others than its owner may write it, or built for another calling sequence. Thread-safe.
Result<waxwing_site_routine*> find_site_routine(const std::string& root, const std::string& name);

}  // namespace waxwing::mta
