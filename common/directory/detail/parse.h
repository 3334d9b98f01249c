// From an Entry to a User, Group or Domain. Pure functions; a value that does not fit its attribute is a
// temporary error that names DN and attribute, because an operator can mend it while mail waits.
#pragma once

#include <span>
#include <string_view>

#include "common/directory/types.h"

namespace waxwing::directory {

// default_domain: a user there has the bare uid as store name.
Result<User> parse_user(Entry entry, DomainRef domain, std::string_view default_domain);
// domain may be null.
Result<Group> parse_group(Entry entry, DomainRef domain);
// asked: the name that was looked up; Schema 1 entries do not hold theirs.
Result<Domain> parse_domain(Entry entry, std::string_view asked);

// By object class: those of ims50 and sims40, and those of nms41.
bool is_user(const Entry& entry);
bool is_group(const Entry& entry);
// Entries that take mail. tags: ims50, sims40, nms41, separated by commas.
std::string recipient_filter(std::string_view tags);

// Attributes to ask for, userPassword included in those of users.
std::span<const std::string_view> recipient_attributes();
std::span<const std::string_view> domain_attributes();

}  // namespace waxwing::directory
