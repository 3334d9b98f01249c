// Single values out of the directory, for substitutions in rules and mappings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mta/address/context.h"

namespace waxwing::mta {

// First value of the first entry an LDAP URL finds (of the attributes it names, in order); nothing when
// there is none. Temporary when the directory cannot be asked, would-block included.
Result<std::optional<std::string>> ldap_value(const Lookup& lookup, std::string_view url);
// First value of an attribute of the entry of a hosted domain; nothing when the domain is not ours.
Result<std::optional<std::string>> domain_attribute(const Lookup& lookup, std::string_view domain,
                                                    std::string_view attribute);
// The domain, when it is one of ours: itself, or with DOMAIN_UPLEVEL bit 1 the domain above it.
Result<directory::DomainRef> local_domain(const Lookup& lookup, std::string_view domain);
Error directory_missing();
// A value made safe inside the filter of an LDAP URL.
std::string quote_for_ldap_url(std::string_view value);

}  // namespace waxwing::mta
