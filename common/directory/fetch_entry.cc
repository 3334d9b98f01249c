// Users and groups by login, address, DN and URL.
#include <algorithm>

#include "common/directory/detail/inner.h"
#include "common/mail/idn.h"

namespace waxwing::directory {

namespace {
constexpr std::size_t kMaxAddressBytes = 64 << 20;
}

Result<UserRef> Directory::Inner::fetch_user(std::string_view typed) {
  if (typed.empty() || typed.size() > kMaxNameBytes || typed.find('\0') != std::string_view::npos)
    return UserRef();
  std::string login(typed), uid = login, domain_name = settings.default_domain;
  if (const auto at = typed.find_last_of(settings.login_separators); at != std::string_view::npos) {
    uid = typed.substr(0, at);
    domain_name = mail::to_a_labels(typed.substr(at + 1)).value_or(std::string(typed.substr(at + 1)));
    login = uid + typed[at] + domain_name;
  }
  if (uid.empty()) return UserRef();
  TRY(const auto home, domain(domain_name, Ask::may_block));
  // A login names a user in his own domain: in one without an entry it could be anybody's.
  if (!home || home->vanity) return UserRef();
  const auto& pattern = home->search_filter.empty() ? settings.user_filter : home->search_filter;
  auto filter = fill_filter(pattern, {uid, home->name, login});
  if (!filter) return temporary("domain " + home->name + ": " + filter.error().text);
  TRY(auto entries, find({home->base_dn, LDAP_SCOPE_SUBTREE, *filter, recipient_names, 2}));
  if (entries.empty()) return UserRef();
  if (entries.size() > 1) return temporary(two_entries("login " + printable(login), entries[0], entries[1]));
  TRY(auto user, parse_user(std::move(entries[0]), home, settings.default_domain));
  return std::make_shared<const User>(std::move(user));
}

Result<UserRef> Directory::Inner::fetch_login(std::string_view login) {
  auto user = fetch_user(login);
  if (user && *user) keep(users_by_dn, (*user)->dn, user);
  return user;
}

// Whatever filter found him at his login: he is the same as long as his entry is there. His domain is the one he was
// found in, which need not be the nearest above his entry.
Result<UserRef> Directory::Inner::fetch_user_by_dn(std::string_view dn) {
  TRY(auto entries, find({std::string(dn), LDAP_SCOPE_BASE, "(objectClass=*)", recipient_names, 1}));
  if (entries.empty()) return UserRef();
  DomainRef home;
  if (const auto before = users_by_dn.find(dn); before && before->answer && *before->answer) {
    TRY(home, domain((*before->answer)->domain->name, Ask::may_block));
  }
  if (!home) {
    TRY(home, domain_of(entries[0]));
  }
  if (!home) return UserRef();
  TRY(auto user, parse_user(std::move(entries[0]), home, settings.default_domain));
  return std::make_shared<const User>(std::move(user));
}

Result<Match> Directory::Inner::to_match(Entry entry, DomainRef domain) const {
  Match match;
  match.domain = domain;
  if (is_group(entry)) {
    TRY(auto group, parse_group(std::move(entry), std::move(domain)));
    match.group = std::make_shared<const Group>(std::move(group));
  } else if (is_user(entry) && domain) {
    TRY(auto user, parse_user(std::move(entry), std::move(domain), settings.default_domain));
    match.user = std::make_shared<const User>(std::move(user));
  } else {
    match.contact_mail = std::string(entry.first("mail"));
  }
  return match;
}

namespace {
struct Ranked {
  int rank = 100;
  MatchedBy by = MatchedBy::nothing;
};

// mail, then mailAlternateAddress, then mailEquivalentAddress; the address as written before the same in
// the canonical domain.
Ranked rank_of(const Entry& entry, const std::vector<std::string>& wanted) {
  constexpr std::pair<std::string_view, MatchedBy> order[] = {
      {"mail", MatchedBy::mail},
      {"mailAlternateAddress", MatchedBy::alternate},
      {"mailEquivalentAddress", MatchedBy::equivalent}};
  int rank = 0;
  for (const auto& [attribute, by] : order)
    for (const auto& address : wanted) {
      if (std::ranges::any_of(entry.values(attribute),
                              [&](const auto& value) { return iequals(value, address); }))
        return {rank, by};
      ++rank;
    }
  return {};
}

}  // namespace

AddressUrlValues Directory::Inner::url_values(std::string_view address, const DomainRef& home) const {
  AddressUrlValues values;
  const auto at = address.rfind('@');
  values.address = address;
  values.local_part = address.substr(0, at);
  values.domain =
      at == std::string_view::npos ? std::string_view(settings.default_domain) : address.substr(at + 1);
  values.schema_tags = settings.schema_tags;
  values.user_root = settings.base_dn;
  values.dc_root = settings.dc_root;
  if (home && !home->vanity) values.base_dn = home->base_dn;
  values.wanted = {std::string(values.local_part) + "@" + std::string(values.domain)};
  if (!home || iequals(values.domain, home->name)) return values;
  const bool is_alias =
      std::ranges::any_of(home->aliases, [&](const auto& name) { return iequals(name, values.domain); });
  if (is_alias || (settings.domain_uplevel & 2) != 0)
    values.wanted.push_back(std::string(values.local_part) + "@" + home->name);
  return values;
}

// One search below the domain's base DN, or the site's URLs until one finds something.
Result<Entries> Directory::Inner::address_entries(const AddressUrlValues& values) {
  constexpr std::size_t kMost = 20;
  if (settings.alias_urls.empty()) {
    std::string filter = "(&" + recipient_filter(settings.schema_tags) + "(|";
    for (const auto& address : values.wanted)
      filter += settings.names.clauses({"mail", "mailAlternateAddress", "mailEquivalentAddress"},
                                       escape_filter(address));
    const auto base = values.base_dn.empty() ? values.user_root : values.base_dn;
    return find({std::string(base), LDAP_SCOPE_SUBTREE, filter + "))", recipient_names, kMost});
  }
  for (const auto& each : settings.alias_urls) {
    TRY(const auto url, fill_address_url(each, values, settings.names));
    if (!url) continue;
    TRY(auto request, url_request(*url));
    request.max_entries = kMost;
    if (request.attributes.empty() || request.attributes == std::vector<std::string>{"*"})
      request.attributes = recipient_names;
    TRY(auto entries, find(request));
    if (!entries.empty()) return entries;
  }
  return Entries();
}

Result<MatchRef> Directory::Inner::fetch_address(std::string_view asked) {
  const auto none = std::make_shared<const Match>();
  if (asked.empty() || asked.size() > kMaxNameBytes || asked.find('\0') != std::string_view::npos)
    return none;
  const auto address = mail::with_a_labels(asked);
  const auto at = address.rfind('@');
  const auto domain_name = at == std::string::npos ? settings.default_domain : address.substr(at + 1);
  TRY(const auto home, home_of(domain_name, Ask::may_block));
  if (!home) return none;

  const auto values = url_values(address, home);
  const auto& wanted = values.wanted;
  TRY(auto entries, address_entries(values));
  const Entry* best = nullptr;
  Ranked best_rank;
  for (const Entry& entry : entries) {
    auto rank = rank_of(entry, wanted);
    if (rank.by == MatchedBy::nothing)
      rank = {99, MatchedBy::equivalent};  // found by a URL of the site, not by name
    if (best != nullptr && rank.rank == best_rank.rank)
      return temporary(two_entries("address " + printable(address), *best, entry));
    if (rank.rank < best_rank.rank) {
      best = &entry;
      best_rank = rank;
    }
  }
  Match match;
  if (best != nullptr) {
    auto owner = home;
    if (home->vanity) {
      TRY(owner, domain_of(*best));
    }
    TRY(match, to_match(*best, owner));
    match.matched_by = best_rank.by;
  }
  match.domain = home;
  return std::make_shared<const Match>(std::move(match));
}

Result<MatchRef> Directory::Inner::fetch_dn(std::string_view dn) {
  const auto none = std::make_shared<const Match>();
  if (dn.empty() || dn.size() > 8 * kMaxNameBytes || dn.find('\0') != std::string_view::npos) return none;
  TRY(auto entries, find({std::string(dn), LDAP_SCOPE_BASE, "(objectClass=*)", recipient_names, 1}));
  if (entries.empty()) return none;
  TRY(auto home, domain_of(entries[0]));
  TRY(auto match, to_match(std::move(entries[0]), std::move(home)));
  if (match.found()) match.matched_by = MatchedBy::dn;
  return std::make_shared<const Match>(std::move(match));
}

Result<SearchRequest> Directory::Inner::url_request(std::string_view url) const {
  LDAPURLDesc* parsed = nullptr;
  if (ldap_url_parse(std::string(url).c_str(), &parsed) != LDAP_URL_SUCCESS)
    return permanent("'" + printable(url) + "' is no LDAP URL; write ldap:///base?attributes?scope?filter");
  const std::unique_ptr<LDAPURLDesc, void (*)(LDAPURLDesc*)> owner(parsed, ldap_free_urldesc);
  SearchRequest request;
  request.base = parsed->lud_dn != nullptr && *parsed->lud_dn != '\0' ? parsed->lud_dn : settings.base_dn;
  request.scope = parsed->lud_scope == LDAP_SCOPE_DEFAULT ? LDAP_SCOPE_BASE : parsed->lud_scope;
  request.filter = parsed->lud_filter != nullptr ? parsed->lud_filter : "(objectClass=*)";
  for (char** name = parsed->lud_attrs; name != nullptr && *name != nullptr; ++name)
    request.attributes.emplace_back(*name);
  return request;
}

Result<EntriesRef> Directory::Inner::fetch_url(std::string_view url, std::size_t max_entries) {
  TRY(auto request, url_request(url));
  request.max_entries = max_entries;
  TRY(auto entries, pool.search(request));
  for (Entry& entry : entries) {
    // The site's URL, the site's names; our code asks for the address by ours.
    if (const auto mail = settings.names.theirs("mail"); !entry.has("mail"))
      for (const auto& name : mail)
        if (const auto values = entry.values(name); !values.empty())
          entry.attributes.emplace_back("mail", values);
    std::erase_if(entry.attributes, [](const auto& one) {
      return istarts_with(one.first, "userPassword") || one.first == "2.5.4.35";
    });
  }
  return std::make_shared<const Entries>(std::move(entries));
}

Result<std::string> Directory::Inner::fetch_addresses(std::string_view url) {
  TRY(auto request, url_request(url));
  request.attributes = settings.names.theirs("mail");
  if (request.attributes.empty()) return "";
  std::string found;
  TRY_VOID(pool.search_pages(request, [&](const Entries& page) -> Result<> {
    for (const auto& entry : page)
      for (const auto& name : request.attributes)
        if (const auto mail = entry.first(name); !mail.empty()) {
          found.append(mail).append("\n");
          break;
        }
    if (found.size() > kMaxAddressBytes)
      return permanent("'" + printable(url) + "' finds more addresses than a list may have");
    return {};
  }));
  return found;
}

}  // namespace waxwing::directory
