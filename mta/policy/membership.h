// $I of access tables: is this user in this group?
#pragma once

#include <string_view>

#include "mta/address/context.h"

namespace waxwing::mta {

// user: an address, or a name of the default domain. group: the address of a group of the directory (members by DN,
// by address, by LDAP URL, and groups within it, five deep), or the name of a group of this host, to which the
// user's local part belongs. Errors: would-block, temporary.
Result<bool> is_in_group(const Lookup& lookup, std::string_view user, std::string_view group);

}  // namespace waxwing::mta
