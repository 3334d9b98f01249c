// What is said of an entry that is not there: what there is, and what to do.
#pragma once

#include <string>

#include "tools/commadmin/commands.h"

namespace waxwing::commadmin {

// Permanent errors. What cannot be looked up for them is left out.
std::unexpected<Error> no_such_domain(Session& session, const std::string& name);
std::unexpected<Error> no_such_user(Session& session, const Home& home, const std::string& login);
std::unexpected<Error> no_such_group(Session& session, const Home& home, const std::string& name);

}  // namespace waxwing::commadmin
