// What Berkeley DB's codes mean to us.
#pragma once

#include <string>

#include "common/base/result.h"

namespace waxwing::store {

// Does the code, or one that was complained of, tell of the want of something that may come back?
bool may_pass(int code, const std::string& complaints = {});
// Of a database that is open.
std::unexpected<Error> db_error(const std::string& what, int code);
// Opening fails for the want of something that may come back, or because the database is damaged (Code::corrupt).
std::unexpected<Error> open_error(const std::string& what, int code, const std::string& complaints);

}  // namespace waxwing::store
