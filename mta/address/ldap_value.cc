#include "mta/address/ldap_value.h"

#include <fmt/format.h>

namespace waxwing::mta {
namespace {

// The second ?-part of an LDAP URL.
std::vector<std::string_view> attributes_of(std::string_view url) {
  const auto parts = split(url, '?');
  return parts.size() < 2 || parts[1].empty() ? std::vector<std::string_view>{} : split(parts[1], ',');
}

std::optional<std::string> first_value(const directory::Entry& entry,
                                       const std::vector<std::string_view>& attributes) {
  for (const auto name : attributes)
    if (entry.has(name)) return std::string(entry.first(name));
  if (!attributes.empty()) return std::nullopt;
  return entry.dn;
}

}  // namespace

Error directory_missing() {
  return {Fault::temporary, "the directory cannot be asked; try again later"};
}

Result<std::optional<std::string>> ldap_value(const Lookup& lookup, std::string_view url) {
  if (!lookup.directory) return std::unexpected(directory_missing());
  TRY(auto entries, lookup.directory->search(url, lookup.ask));
  for (const auto& entry : *entries)
    if (auto value = first_value(entry, attributes_of(url))) return value;
  return std::nullopt;
}

Result<std::optional<std::string>> domain_attribute(const Lookup& lookup, std::string_view domain,
                                                    std::string_view attribute) {
  TRY(auto found, local_domain(lookup, domain));
  if (!found || !found->entry.has(attribute)) return std::nullopt;
  return std::string(found->entry.first(attribute));
}

Result<directory::DomainRef> local_domain(const Lookup& lookup, std::string_view domain) {
  if (domain.empty() || domain[0] == '[') return directory::DomainRef{};
  if (!lookup.directory) return std::unexpected(directory_missing());
  const bool uplevel = lookup.config.options().number(Opt::DOMAIN_UPLEVEL) & 1;
  for (;;) {
    TRY(auto found, lookup.directory->domain(domain, lookup.ask));
    if (found || !uplevel) return found;
    const auto dot = domain.find('.');
    if (dot == domain.npos || domain.find('.', dot + 1) == domain.npos) return found;
    domain.remove_prefix(dot + 1);
  }
}

std::string quote_for_ldap_url(std::string_view value) {
  // First the filter's own quoting, then what a URL must not hold.
  std::string result;
  for (const char c : directory::escape_filter(value)) {
    if (is_alnum(c) || std::string_view("-._~\\=@+*()").find(c) != std::string_view::npos)
      result += c == '\\' ? "%5C" : std::string(1, c);
    else
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return result;
}

}  // namespace waxwing::mta
