// Libraries of the site, opened and kept. Private to mta/address.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "include/waxwing/site_routine.h"

namespace waxwing::mta {

// Whether a library at an absolute path may be opened; asked once for each.
using MayOpen = std::function<bool()>;

// The routine "library.so,routine"; a library without a slash is one of root/site-programs. Permanent error:
// not there, or others than its owner may write it, or made for another calling sequence or for none, or
// may_open says no. Thread-safe.
Result<waxwing_site_routine*> find_site_routine(const std::string& root, const std::string& name,
                                                const MayOpen& may_open);

}  // namespace waxwing::mta
