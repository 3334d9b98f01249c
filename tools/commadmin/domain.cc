#include <algorithm>
#include <span>

#include "common/base/strings.h"
#include "tools/commadmin/commands.h"

namespace waxwing::commadmin {

namespace {
using Kind = Field::Kind;
constexpr Field kFields[] = {
    {"alias", "associatedDomain"},
    {"status", "mailDomainStatus", Kind::status},
    {"quota", "mailDomainDiskQuota", Kind::size},
    {"message-quota", "mailDomainMsgQuota", Kind::size},
    {"service-access", "mailDomainAllowedServiceAccess"},
    {"language", "preferredLanguage"},
    {"catchall", "mailDomainCatchallAddress", Kind::address},
    {"smart-host", "mailRoutingSmartHost"},
    {"search-filter", "inetDomainSearchFilter"},
};

Result<> check_domain_name(const std::string& name) {
  bool good = !name.empty() && name.size() <= 253;
  for (const auto label : split(name, '.'))
    good = good && !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; });
  if (good) return {};
  return permanent("'" + printable(name) +
                   "' is no domain name; write it in ASCII, labels of letters, digits and -");
}

Result<> check_names_free(Session& session, const std::vector<std::string>& names,
                          const std::string& own_dn) {
  for (const auto& name : names) {
    TRY_VOID(check_domain_name(name));
    const auto safe = directory::escape_filter(name);
    TRY(const auto entries,
        session.editor.search(session.settings.base_dn, 2,
                              "(|(sunPreferredDomain=" + safe + ")(associatedDomain=" + safe + "))",
                              {"1.1"}));
    for (const auto& entry : entries)
      if (!directory::same_dn(entry.dn, own_dn))
        return permanent("domain " + name + " is in the directory already: " + entry.dn);
  }
  return {};
}

Result<std::string> create(Session& session) {
  TRY(auto name, session.arguments.need("domain"));
  name = to_lower(name);
  TRY(auto attributes, collect(session.arguments, kFields));
  const auto dn = "o=" + directory::escape_dn(name) + "," + session.settings.base_dn;
  auto names = values_in(attributes, "associatedDomain");
  names.push_back(name);
  TRY_VOID(check_names_free(session, names, ""));
  put_default(
      attributes, "objectClass",
      {"top", "organization", "sunManagedOrganization", "sunNameSpace", "inetDomainAuthInfo", "mailDomain"});
  put_default(attributes, "o", {name});
  put_default(attributes, "sunPreferredDomain", {name});
  put_default(attributes, "inetDomainStatus", {"active"});
  put_default(attributes, "mailDomainStatus", {"active"});
  TRY_VOID(session.editor.add({dn, std::move(attributes)}));
  for (const auto* unit : {"People", "Groups"})
    TRY_VOID(session.editor.add({"ou=" + std::string(unit) + "," + dn,
                                 {{"objectClass", {"top", "organizationalUnit"}}, {"ou", {unit}}}}));
  return "domain " + name + " made: " + dn + "\n";
}

Result<std::string> modify(Session& session) {
  TRY(const auto name, session.arguments.need("domain"));
  TRY(const auto home, find_home(session));
  TRY(auto changes, collect_changes(session.arguments, kFields));
  TRY_VOID(check_names_free(session, session.arguments.all("alias"), home.dn));
  if (iequals(session.arguments.get("status"), "active"))
    changes.push_back({Editor::Change::Kind::replace, "inetDomainStatus", {"active"}});
  if (changes.empty()) return permanent("nothing to change: give at least one option besides --domain");
  TRY_VOID(session.editor.modify(home.dn, changes));
  return "domain " + name + " changed\n";
}

Result<std::string> remove(Session& session) {
  TRY(const auto name, session.arguments.need("domain"));
  TRY(const auto home, find_home(session));
  if (session.arguments.has("purge")) {
    TRY_VOID(session.editor.remove_tree(home.dn));
    return "domain " + name + " and all below it taken out of the directory\n";
  }
  TRY_VOID(
      session.editor.modify(home.dn, {{Editor::Change::Kind::replace, "mailDomainStatus", {"deleted"}},
                                      {Editor::Change::Kind::replace, "inetDomainStatus", {"deleted"}}}));
  return "domain " + name + " marked deleted\n";
}

Result<std::string> search(Session& session) {
  const auto& arguments = session.arguments;
  std::string filter = "(&(objectClass=sunManagedOrganization)(sunPreferredDomain=*)";
  if (arguments.has("domain"))
    filter += "(|" + wildcard_filter("sunPreferredDomain", arguments.get("domain")) +
              wildcard_filter("associatedDomain", arguments.get("domain")) + ")";
  filter += arguments.get("filter") + ")";
  TRY(auto entries, session.editor.search(session.settings.base_dn, 2, filter));
  return listing(arguments, entries, {"sunPreferredDomain", "mailDomainStatus", "associatedDomain"});
}
}  // namespace

const Actions kDomainActions{create, modify, remove, search};

}  // namespace waxwing::commadmin
