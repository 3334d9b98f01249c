#include "mta/policy/user_limits.h"

#include "common/base/strings.h"

namespace waxwing::mta {

namespace {

struct Row {
  Opt user_attribute, domain_attribute;
  std::int64_t UserLimits::*limit;
};
constexpr Row kRows[] = {
    {Opt::LDAP_SOURCEBLOCKLIMIT, Opt::LDAP_DOMAIN_ATTR_SOURCEBLOCKLIMIT, &UserLimits::blocks},
    {Opt::LDAP_RECIPIENTLIMIT, Opt::LDAP_DOMAIN_ATTR_RECIPIENTLIMIT, &UserLimits::recipients},
    {Opt::LDAP_RECIPIENTCUTOFF, Opt::LDAP_DOMAIN_ATTR_RECIPIENTCUTOFF, &UserLimits::cutoff},
};

bool any_is_named(const MtaOptions& options) {
  for (const auto& row : kRows)
    if (!options.text(row.user_attribute).empty() || !options.text(row.domain_attribute).empty()) return true;
  return false;
}

std::int64_t value_of(const directory::Entry& entry, const std::string& attribute) {
  return attribute.empty() ? 0 : to_number<std::int64_t>(trim(entry.first(attribute))).value_or(0);
}

}  // namespace

Result<UserLimits> user_limits(const Lookup& lookup, std::string_view auth_address) {
  UserLimits limits;
  const auto& options = lookup.config.options();
  if (auth_address.empty() || !any_is_named(options)) return limits;
  if (!lookup.directory) return temporary("the directory cannot be asked");
  TRY(const auto match, lookup.directory->by_address(auth_address, lookup.ask));
  if (!match->user) return limits;
  for (const auto& row : kRows) {
    auto& limit = limits.*row.limit;
    limit = value_of(match->user->entry, options.text(row.user_attribute));
    if (limit <= 0 && match->user->domain)
      limit = value_of(match->user->domain->entry, options.text(row.domain_attribute));
  }
  return limits;
}

}  // namespace waxwing::mta
