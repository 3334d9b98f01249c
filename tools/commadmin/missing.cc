#include "tools/commadmin/missing.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::commadmin {

namespace {
constexpr std::size_t kMostNamed = 10;

// "a, b and 7 more"; nothing for none.
std::string some_of(std::vector<std::string> names) {
  std::ranges::sort(names);
  const auto more = names.size() > kMostNamed ? names.size() - kMostNamed : 0;
  names.resize(std::min(names.size(), kMostNamed));
  return join(names, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

std::vector<std::string> values_found(Session& session, const std::string& base, const std::string& filter,
                                      const char* attribute) {
  std::vector<std::string> values;
  const auto entries = session.editor.search(base, 2, filter, {attribute});
  if (!entries) return values;
  for (const auto& entry : *entries)
    if (entry.has(attribute)) values.push_back(printable(entry.first(attribute)));
  return values;
}

// The domains in which an entry of that kind and name is.
std::string domains_with(Session& session, const std::string& filter) {
  std::vector<std::string> domains;
  const auto found = session.editor.search(session.settings.base_dn, 2, filter, {"1.1"});
  const auto all = session.editor.search(session.settings.base_dn, 2, "(objectClass=sunManagedOrganization)",
                                         {"sunPreferredDomain"});
  if (!found || !all) return {};
  for (const auto& domain : *all)
    if (std::ranges::any_of(*found, [&](const auto& entry) { return iends_with(entry.dn, "," + domain.dn); }))
      domains.push_back(printable(domain.first("sunPreferredDomain")));
  return some_of(std::move(domains));
}

std::unexpected<Error> missing(Session& session, const Home& home, const std::string& kind,
                               const std::string& name, const std::string& filter) {
  auto text = "there is no " + kind + " " + printable(name) + " in domain " + home.name;
  const auto at = name.find('@');
  if (at != std::string::npos)
    return permanent(text + "; write the " + kind + "'s name alone, and its domain with --domain " +
                     printable(name.substr(at + 1)));
  if (const auto others = domains_with(session, filter); !others.empty())
    text += "; there is one in " + others + ": say which with --domain";
  return permanent(text + "; those of this domain are listed by commadmin " + kind + " search --domain " +
                   home.name);
}
}  // namespace

std::unexpected<Error> no_such_domain(Session& session, const std::string& name) {
  const auto known = some_of(values_found(session, session.settings.base_dn,
                                          "(objectClass=sunManagedOrganization)", "sunPreferredDomain"));
  return permanent("there is no domain " + printable(name) + " in the directory; " +
                   (known.empty() ? "there is none at all" : "there are " + known) +
                   "; make it with commadmin domain create --domain " + printable(name) +
                   ", or name another with --domain");
}

std::unexpected<Error> no_such_user(Session& session, const Home& home, const std::string& login) {
  return missing(session, home, "user", login,
                 "(&(objectClass=inetMailUser)(uid=" + directory::escape_filter(login) + "))");
}

std::unexpected<Error> no_such_group(Session& session, const Home& home, const std::string& name) {
  return missing(session, home, "group", name,
                 "(&(objectClass=inetMailGroup)(cn=" + directory::escape_filter(name) + "))");
}

}  // namespace waxwing::commadmin
