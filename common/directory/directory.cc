#include "common/directory/directory.h"

#include <algorithm>
#include <csignal>

#include "common/directory/detail/inner.h"
#include "common/log/log.h"

namespace waxwing::directory {

namespace {
constexpr std::int64_t kBelievedAfterWrongPasswordMs = 10'000;

}  // namespace

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
  if (recipient_filter(settings.schema_tags) == "(|)")
    return permanent("directory.schematag '" + printable(settings.schema_tags) +
                     "' holds none of ims50, sims40 and nms41");
  auto urls = settings.alias_urls;
  urls.push_back(settings.domain_match_url);
  for (const auto& url : urls)
    if (const auto filled = fill_address_url(url, {.base_dn = "o=x"}, settings.names); !filled)
      return permanent(filled.error().text);
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
  return inner_->look_up(inner_->users, login, ask, inner_->login_seconds(),
                         [&] { return inner_->fetch_login(login); });
}

Result<UserRef> Directory::user_by_name(std::string_view login, Ask ask) {
  return inner_->look_up(inner_->users, login, ask, [&] { return inner_->fetch_login(login); });
}

Result<UserRef> Directory::user_by_dn(std::string_view dn, Ask ask) {
  return inner_->look_up(inner_->users_by_dn, dn, ask, inner_->login_seconds(),
                         [&] { return inner_->fetch_user_by_dn(dn); });
}

Directory::KnownUser Directory::known_user(std::string_view dn) {
  const auto known = inner_->users_by_dn.find(dn);
  const auto now = monotonic_ms();
  if (!known || !known->answer || now >= known->stale_until_ms) return {};
  return {true, known->is_fresh(now, inner_->login_seconds()), *known->answer};
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

Result<EntriesRef> Directory::search_for(std::string_view address_url, std::string_view address, Ask ask) {
  const auto at = address.rfind('@');
  DomainRef home;
  if (at != std::string_view::npos) {
    TRY(home, inner_->home_of(address.substr(at + 1), ask));
  }
  const auto values = inner_->url_values(address, home);
  TRY(const auto url, fill_address_url(address_url, values, inner_->settings.names));
  if (!url) return std::make_shared<const Entries>();
  return search(*url, ask);
}

Result<std::string> Directory::search_addresses(std::string_view ldap_url) {
  return inner_->fetch_addresses(ldap_url);
}

Result<bool> Directory::verify_bind(const std::string& dn, const std::string& password) {
  return inner_->pool.verify_bind(dn, password);
}

void Directory::flush() {
  inner_->users.clear();
  inner_->users_by_dn.clear();
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
          .cached = inner_->users.size() + inner_->users_by_dn.size() + inner_->addresses.size() +
                    inner_->dns.size() + inner_->domains.size() + inner_->searches.size()};
}

}  // namespace waxwing::directory
