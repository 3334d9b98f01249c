// Domains: organizations, nodes of a DC tree, names that only a URL of the site knows.
#include <algorithm>

#include "common/directory/detail/inner.h"

namespace waxwing::directory {

Result<Entries> Directory::Inner::find(const SearchRequest& request) {
  TRY(auto entries, pool.search(request));
  for (auto& entry : entries) settings.names.translate(entry);
  return entries;
}

Result<DomainRef> Directory::Inner::fetch_domain(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return DomainRef();
  DomainRef domain;
  if (settings.schema == 1 || settings.dc_tree_first) {
    TRY(domain, fetch_dc_node(name));
  }
  if (!domain && settings.schema == 2) {
    TRY(domain, fetch_organization(name));
  }
  if (!domain && !settings.domain_match_url.empty()) return fetch_vanity(name);
  return domain;
}

Result<DomainRef> Directory::Inner::fetch_organization(std::string_view name) {
  const auto safe = escape_filter(name);
  const std::string filter = "(&(objectClass=sunManagedOrganization)(|" +
                             settings.names.clauses({"sunPreferredDomain", "associatedDomain"}, safe) + "))";
  TRY(auto entries, find({settings.base_dn, LDAP_SCOPE_SUBTREE, filter, domain_names, 100}));
  if (entries.empty()) return DomainRef();
  // The preferred name of one organization wins over an alias of another.
  const auto prefers = [&](const Entry& entry) { return iequals(entry.first("sunPreferredDomain"), name); };
  std::ranges::stable_partition(entries, prefers);
  if (entries.size() > 1 && prefers(entries[0]) == prefers(entries[1]))
    return temporary(two_entries("domain " + printable(name), entries[0], entries[1]));
  TRY(auto domain, parse_domain(std::move(entries[0]), name));
  return std::make_shared<const Domain>(std::move(domain));
}

// The DC tree: dc=example,dc=com,o=internet holds the domain and says where its users are; an alias entry
// names the entry it stands for.
Result<DomainRef> Directory::Inner::fetch_dc_node(std::string_view name) {
  std::string dn;
  for (const auto label : split(name, '.')) dn += "dc=" + escape_dn(label) + ",";
  dn += settings.dc_root;
  for (int aliases = 0; aliases < 4; ++aliases) {
    TRY(auto entries, find({dn, LDAP_SCOPE_BASE, "(objectClass=*)", domain_names, 1}));
    if (entries.empty()) return DomainRef();
    if (entries[0].has_object_class("inetDomainAlias")) {
      dn = std::string(entries[0].first("aliasedObjectName"));
      if (dn.empty())
        return temporary("entry " + printable(entries[0].dn) + ": inetDomainAlias without aliasedObjectName");
      continue;
    }
    if (!entries[0].has_object_class("inetDomain")) return DomainRef();
    if (!entries[0].has("inetDomainBaseDN"))
      return temporary("entry " + printable(entries[0].dn) + ": inetDomain without inetDomainBaseDN; add it");
    const auto own_name = dc_name(dn);
    TRY(auto domain, parse_domain(std::move(entries[0]), own_name));
    // Whoever asks by an alias means this one: mailboxes are named by it.
    if (!iequals(name, domain.name)) domain.aliases.push_back(to_lower(name));
    return std::make_shared<const Domain>(std::move(domain));
  }
  return temporary("domain " + printable(name) + ": more than 3 aliases one after the other, last " +
                   printable(dn));
}

Result<DomainRef> Directory::Inner::home_of(std::string_view name, Ask ask) {
  for (;;) {
    TRY(auto found, domain(name, ask));
    if (found || (settings.domain_uplevel & 1) == 0) return found;
    const auto dot = name.find('.');
    if (dot == name.npos || name.find('.', dot + 1) == name.npos) return found;
    name.remove_prefix(dot + 1);
  }
}

// "dc=example,dc=com" and the root of the tree behind it: example.com.
std::string Directory::Inner::dc_name(std::string_view dn) const {
  std::string name;
  for (; !dn.empty() && !same_dn(dn, settings.dc_root); dn = parent_dn(dn)) {
    const auto label = dn.substr(0, dn.find(','));
    const auto equals = label.find('=');
    if (equals == label.npos || !iequals(trim(label.substr(0, equals)), "dc")) break;
    name.append(name.empty() ? "" : ".").append(to_lower(trim(label.substr(equals + 1))));
  }
  return name;
}

// A domain that has no entry, since it belongs to one user or some: the site's URL knows it.
Result<DomainRef> Directory::Inner::fetch_vanity(std::string_view name) {
  AddressUrlValues values;
  values.domain = values.address = name;
  values.user_root = settings.base_dn;
  values.dc_root = settings.dc_root;
  TRY(const auto url, fill_address_url(settings.domain_match_url, values, settings.names));
  if (!url) return DomainRef();
  TRY(auto request, url_request(*url));
  request.attributes = {"1.1"};  // RFC 4511 §4.5.1.8: none
  request.max_entries = 1;
  request.some = true;
  TRY(const auto entries, pool.search(request));
  if (entries.empty()) return DomainRef();
  auto domain = std::make_shared<Domain>();
  domain->name = to_lower(name);
  domain->base_dn = settings.base_dn;
  domain->vanity = true;
  return DomainRef(std::move(domain));
}

// The closest organization at or above dn that serves a domain.
Result<DomainRef> Directory::Inner::domain_above(std::string_view dn) {
  const bool dc_tree = settings.schema == 1 || settings.dc_tree_first;
  const auto has_name = "(|" + settings.names.clauses({"sunPreferredDomain"}, "*") + ")";
  for (auto at = parent_dn(dn); !at.empty() && is_below(at, settings.base_dn); at = parent_dn(at)) {
    if (dc_tree) {
      const auto filter = "(|" + settings.names.clauses({"inetDomainBaseDN"}, escape_filter(at)) + ")";
      TRY(const auto nodes, find({settings.dc_root, LDAP_SCOPE_SUBTREE, filter, domain_names, 10}));
      if (!nodes.empty()) return domain(dc_name(nodes[0].dn), Ask::may_block);
    }
    if (settings.schema != 2) continue;
    TRY(const auto entries, find({std::string(at), LDAP_SCOPE_BASE, has_name, domain_names, 1}));
    if (!entries.empty()) return domain(entries[0].first("sunPreferredDomain"), Ask::may_block);
  }
  return DomainRef();
}

Result<DomainRef> Directory::Inner::domain_of(const Entry& entry) {
  const auto mail = entry.first("mail");
  if (const auto at = mail.rfind('@'); at != std::string_view::npos) {
    TRY(auto by_mail, domain(mail.substr(at + 1), Ask::may_block));
    if (by_mail && !by_mail->vanity && is_below(entry.dn, by_mail->base_dn)) return by_mail;
  }
  return domain_above(entry.dn);
}

}  // namespace waxwing::directory
