#include "common/directory/directory.h"

#include <ldap.h>

#include <algorithm>
#include <atomic>
#include <csignal>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/directory/detail/cache.h"
#include "common/directory/detail/parse.h"
#include "common/directory/detail/pool.h"
#include "common/directory/would_block.h"
#include "common/log/log.h"

namespace waxwing::directory {

namespace {
constexpr std::int64_t kBelievedAfterWrongPasswordMs = 10'000;
constexpr std::size_t kMaxAddressBytes = 64 << 20;
constexpr std::size_t kMaxNameBytes = 1024;  // longer than any address or DN that could be found

std::vector<std::string> names(std::span<const std::string_view> fixed,
                               const std::vector<std::string>& more) {
  std::vector<std::string> all(fixed.begin(), fixed.end());
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

bool is_empty_answer(const UserRef& user) {
  return user == nullptr;
}
bool is_empty_answer(const MatchRef& match) {
  return !match->found();
}
bool is_empty_answer(const EntriesRef& entries) {
  return entries->empty();
}

std::string two_entries(const std::string& what, const Entry& a, const Entry& b) {
  return what + " belongs to two entries, " + printable(a.dn) + " and " + printable(b.dn) +
         "; take it from one of them";
}
}  // namespace

struct Directory::Inner {
  explicit Inner(Settings given)
      : settings(std::move(given)),
        pool(settings),
        users(settings.cache_entries),
        addresses(settings.cache_entries),
        dns(settings.cache_entries),
        domains(settings.cache_entries),
        searches(settings.cache_entries / 10 + 1),
        recipient_names(names(recipient_attributes(), settings.extra_attributes)),
        domain_names(names(domain_attributes(), settings.extra_attributes)) {}

  // believed_seconds: how long an answer counts as fresh.
  template <class C, class F>
  auto look_up(C& cache, std::string_view key, Ask ask, std::int64_t believed_seconds, F fetch)
      -> decltype(fetch());
  template <class C, class F>
  auto look_up(C& cache, std::string_view key, Ask ask, F fetch) -> decltype(fetch()) {
    return look_up(cache, key, ask, settings.cache_seconds, std::move(fetch));
  }

  Result<UserRef> fetch_user(std::string_view login);
  Result<MatchRef> fetch_address(std::string_view address);
  Result<MatchRef> fetch_dn(std::string_view dn);
  Result<DomainRef> fetch_domain(std::string_view name);
  Result<DomainRef> fetch_domain_schema1(std::string_view name);
  Result<SearchRequest> url_request(std::string_view url) const;
  Result<EntriesRef> fetch_url(std::string_view url, std::size_t max_entries);
  Result<std::string> fetch_addresses(std::string_view url);

  Result<DomainRef> domain(std::string_view name, Ask ask) {
    return look_up(domains, name, ask, [&] { return fetch_domain(name); });
  }
  Result<DomainRef> domain_above(std::string_view dn);
  Result<DomainRef> domain_of(const Entry& entry);
  Result<Match> to_match(Entry entry, DomainRef domain) const;

  const Settings settings;
  Pool pool;
  Cache<UserRef> users;
  Cache<MatchRef> addresses;
  Cache<MatchRef> dns;
  Cache<DomainRef> domains;
  Cache<EntriesRef, TextHash, std::equal_to<>> searches;
  const std::vector<std::string> recipient_names, domain_names;
  std::atomic<std::uint64_t> hits{0}, misses{0}, shared{0}, stale{0};
};

bool is_empty_answer(const DomainRef& domain) {
  return domain == nullptr;
}

template <class C, class F>
auto Directory::Inner::look_up(C& cache, std::string_view key, Ask ask, std::int64_t believed_seconds,
                               F fetch) -> decltype(fetch()) {
  const auto now = monotonic_ms();
  const auto known = cache.find(key);
  if (known && now < known->fresh_until_ms) {
    hits.fetch_add(1, std::memory_order_relaxed);
    return known->answer;
  }
  const bool may_be_stale = known && known->answer && now < known->stale_until_ms;
  if (may_be_stale && pool.is_down()) {
    stale.fetch_add(1, std::memory_order_relaxed);
    return known->answer;
  }
  if (ask == Ask::cache_only) return std::unexpected(would_block());
  misses.fetch_add(1, std::memory_order_relaxed);
  bool waited = false;
  auto answer = cache.fly(key, waited, [&]() -> decltype(fetch()) {
    // Somebody else's flight may have landed between our look and our take-off.
    if (const auto landed = cache.find(key); landed && monotonic_ms() < landed->fresh_until_ms)
      return landed->answer;
    auto fetched = fetch();
    if (!fetched && is_unreachable(fetched.error())) return fetched;
    const auto born = monotonic_ms();
    // A malformed entry is believed for a short while only: it is being corrected.
    const bool lasting = fetched && !is_empty_answer(*fetched);
    const auto seconds = lasting ? believed_seconds : std::min(believed_seconds, settings.negative_seconds);
    cache.store(key,
                {fetched, born, born + seconds * 1000, born + (seconds + settings.stale_seconds) * 1000});
    return fetched;
  });
  if (waited) shared.fetch_add(1, std::memory_order_relaxed);
  if (!answer && may_be_stale && is_unreachable(answer.error())) {
    stale.fetch_add(1, std::memory_order_relaxed);
    return known->answer;
  }
  return answer;
}

// ---- domains ------------------------------------------------------------------------------------

Result<DomainRef> Directory::Inner::fetch_domain(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return DomainRef();
  if (settings.schema == 1) return fetch_domain_schema1(name);
  const auto safe = escape_filter(name);
  const std::string filter = "(&(objectClass=sunManagedOrganization)(|(sunPreferredDomain=" + safe +
                             ")(associatedDomain=" + safe + ")))";
  TRY(auto entries, pool.search({settings.base_dn, LDAP_SCOPE_SUBTREE, filter, domain_names, 100}));
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
Result<DomainRef> Directory::Inner::fetch_domain_schema1(std::string_view name) {
  std::string dn;
  for (const auto label : split(name, '.')) dn += "dc=" + escape_dn(label) + ",";
  dn += settings.dc_root;
  for (int aliases = 0; aliases < 4; ++aliases) {
    TRY(auto entries, pool.search({dn, LDAP_SCOPE_BASE, "(objectClass=*)", domain_names, 1}));
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
    TRY(auto domain, parse_domain(std::move(entries[0]), name));
    return std::make_shared<const Domain>(std::move(domain));
  }
  return temporary("domain " + printable(name) + ": more than 3 aliases one after the other, last " +
                   printable(dn));
}

// The closest organization at or above dn that serves a domain.
Result<DomainRef> Directory::Inner::domain_above(std::string_view dn) {
  if (settings.schema == 1) return DomainRef();
  for (auto at = parent_dn(dn); !at.empty() && is_below(at, settings.base_dn); at = parent_dn(at)) {
    TRY(const auto entries,
        pool.search({std::string(at), LDAP_SCOPE_BASE, "(sunPreferredDomain=*)", domain_names, 1}));
    if (!entries.empty()) return domain(entries[0].first("sunPreferredDomain"), Ask::may_block);
  }
  return DomainRef();
}

Result<DomainRef> Directory::Inner::domain_of(const Entry& entry) {
  const auto mail = entry.first("mail");
  if (const auto at = mail.rfind('@'); at != std::string_view::npos) {
    TRY(auto by_mail, domain(mail.substr(at + 1), Ask::may_block));
    if (by_mail && is_below(entry.dn, by_mail->base_dn)) return by_mail;
  }
  return domain_above(entry.dn);
}

// ---- users and addresses ------------------------------------------------------------------------

Result<UserRef> Directory::Inner::fetch_user(std::string_view login) {
  if (login.empty() || login.size() > kMaxNameBytes || login.find('\0') != std::string_view::npos)
    return UserRef();
  auto uid = login;
  std::string_view domain_name = settings.default_domain;
  if (const auto at = login.find_last_of(settings.login_separators); at != std::string_view::npos) {
    uid = login.substr(0, at);
    domain_name = login.substr(at + 1);
  }
  if (uid.empty()) return UserRef();
  TRY(const auto home, domain(domain_name, Ask::may_block));
  if (!home) return UserRef();
  const auto& pattern = home->search_filter.empty() ? settings.user_filter : home->search_filter;
  auto filter = fill_filter(pattern, {uid, home->name, login});
  if (!filter) return temporary("domain " + home->name + ": " + filter.error().text);
  TRY(auto entries, pool.search({home->base_dn, LDAP_SCOPE_SUBTREE, *filter, recipient_names, 2}));
  if (entries.empty()) return UserRef();
  if (entries.size() > 1) return temporary(two_entries("login " + printable(login), entries[0], entries[1]));
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

std::string address_filter(const std::vector<std::string>& wanted) {
  std::string filter =
      "(&(|(objectClass=inetMailUser)(objectClass=inetLocalMailRecipient)(objectClass=inetMailGroup))(|";
  for (const auto& address : wanted)
    for (const auto* attribute : {"mail", "mailAlternateAddress", "mailEquivalentAddress"})
      filter += std::string("(") + attribute + "=" + escape_filter(address) + ")";
  return filter + "))";
}
}  // namespace

Result<MatchRef> Directory::Inner::fetch_address(std::string_view address) {
  const auto none = std::make_shared<const Match>();
  if (address.empty() || address.size() > kMaxNameBytes || address.find('\0') != std::string_view::npos)
    return none;
  const auto at = address.rfind('@');
  const auto local = address.substr(0, at);
  const auto domain_name =
      at == std::string_view::npos ? std::string_view(settings.default_domain) : address.substr(at + 1);
  TRY(const auto home, domain(domain_name, Ask::may_block));
  if (!home) return none;

  std::vector<std::string> wanted = {std::string(local) + "@" + std::string(domain_name)};
  if (!iequals(domain_name, home->name)) wanted.push_back(std::string(local) + "@" + home->name);
  TRY(auto entries,
      pool.search({home->base_dn, LDAP_SCOPE_SUBTREE, address_filter(wanted), recipient_names, 20}));
  const Entry* best = nullptr;
  Ranked best_rank;
  for (const Entry& entry : entries) {
    const auto rank = rank_of(entry, wanted);
    if (best != nullptr && rank.rank == best_rank.rank)
      return temporary(two_entries("address " + printable(address), *best, entry));
    if (rank.rank < best_rank.rank) {
      best = &entry;
      best_rank = rank;
    }
  }
  Match match;
  if (best != nullptr) {
    TRY(match, to_match(*best, home));
    match.matched_by = best_rank.by;
  }
  match.domain = home;
  return std::make_shared<const Match>(std::move(match));
}

Result<MatchRef> Directory::Inner::fetch_dn(std::string_view dn) {
  const auto none = std::make_shared<const Match>();
  if (dn.empty() || dn.size() > 8 * kMaxNameBytes || dn.find('\0') != std::string_view::npos) return none;
  TRY(auto entries, pool.search({std::string(dn), LDAP_SCOPE_BASE, "(objectClass=*)", recipient_names, 1}));
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
  for (Entry& entry : entries)
    std::erase_if(entry.attributes, [](const auto& one) {
      return istarts_with(one.first, "userPassword") || one.first == "2.5.4.35";
    });
  return std::make_shared<const Entries>(std::move(entries));
}

Result<std::string> Directory::Inner::fetch_addresses(std::string_view url) {
  TRY(auto request, url_request(url));
  request.attributes = {"mail"};
  std::string found;
  TRY_VOID(pool.search_pages(request, [&](const Entries& page) -> Result<> {
    for (const auto& entry : page)
      if (const auto mail = entry.first("mail"); !mail.empty()) found.append(mail).append("\n");
    if (found.size() > kMaxAddressBytes)
      return permanent("'" + printable(url) + "' finds more addresses than a list may have");
    return {};
  }));
  return found;
}

// ---- the public face ----------------------------------------------------------------------------

Directory::Directory(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Directory::~Directory() = default;

Result<std::shared_ptr<Directory>> Directory::open(Settings settings) {
  if (settings.urls.empty()) return permanent("directory.urls: name at least one LDAP server");
  for (const auto& url : settings.urls) {
    LDAPURLDesc* parsed = nullptr;
    if (ldap_url_parse(url.c_str(), &parsed) != LDAP_URL_SUCCESS)
      return permanent("directory.urls: '" + printable(url) +
                       "' is no LDAP URL; write ldap://host:port, ldaps://host or ldapi://path");
    ldap_free_urldesc(parsed);
  }
  if (settings.schema != 1 && settings.schema != 2)
    return permanent("directory.schema is " + std::to_string(settings.schema) + "; it must be 1 or 2");
  if (const auto filter = fill_filter(settings.user_filter, {}); !filter)
    return permanent("directory.userfilter: " + filter.error().text);
  settings.connections = std::max<std::size_t>(settings.connections, 1);
  settings.retry_min_ms = std::clamp<std::int64_t>(settings.retry_min_ms, 1, 60000);
  settings.retry_max_ms = std::max(settings.retry_max_ms, settings.retry_min_ms);
  // libldap writes to its sockets without MSG_NOSIGNAL: a directory that goes away must not end the process.
  struct sigaction current {};
  if (::sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL)
    std::signal(SIGPIPE, SIG_IGN);
  return std::shared_ptr<Directory>(new Directory(std::make_unique<Inner>(std::move(settings))));
}

Result<UserRef> Directory::user_by_login(std::string_view login, Ask ask) {
  return inner_->look_up(inner_->users, login, ask,
                         std::min(inner_->settings.login_seconds, inner_->settings.cache_seconds),
                         [&] { return inner_->fetch_user(login); });
}

bool Directory::expire_user(std::string_view login) {
  return inner_->users.expire(login, monotonic_ms() - kBelievedAfterWrongPasswordMs);
}

Result<MatchRef> Directory::by_address(std::string_view address, Ask ask) {
  return inner_->look_up(inner_->addresses, address, ask, [&] { return inner_->fetch_address(address); });
}

Result<MatchRef> Directory::by_dn(std::string_view dn, Ask ask) {
  return inner_->look_up(inner_->dns, dn, ask, [&] { return inner_->fetch_dn(dn); });
}

Result<DomainRef> Directory::domain(std::string_view name, Ask ask) {
  return inner_->domain(name, ask);
}

Result<EntriesRef> Directory::search(std::string_view ldap_url, Ask ask, std::size_t max_entries) {
  auto found = inner_->look_up(inner_->searches, ldap_url, ask,
                               [&] { return inner_->fetch_url(ldap_url, max_entries); });
  if (found && (*found)->size() > max_entries)
    return permanent("'" + printable(ldap_url) + "' finds " + std::to_string((*found)->size()) +
                     " entries, more than the " + std::to_string(max_entries) + " allowed here");
  return found;
}

Result<std::string> Directory::search_addresses(std::string_view ldap_url) {
  return inner_->fetch_addresses(ldap_url);
}

Result<bool> Directory::verify_bind(const std::string& dn, const std::string& password) {
  return inner_->pool.verify_bind(dn, password);
}

void Directory::flush() {
  inner_->users.clear();
  inner_->addresses.clear();
  inner_->dns.clear();
  inner_->domains.clear();
  inner_->searches.clear();
}

const Settings& Directory::settings() const {
  return inner_->settings;
}

Counters Directory::counters() const {
  const auto pool = inner_->pool.counters();
  return {.hits = inner_->hits,
          .misses = inner_->misses,
          .shared = inner_->shared,
          .searches = pool.searches,
          .failures = pool.failures,
          .stale = inner_->stale,
          .connects = pool.connects,
          .cached = inner_->users.size() + inner_->addresses.size() + inner_->dns.size() +
                    inner_->domains.size() + inner_->searches.size()};
}

}  // namespace waxwing::directory
