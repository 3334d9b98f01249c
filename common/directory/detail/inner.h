// What a Directory keeps, and how it asks: the cache in front, the pool behind. Private to this folder.
#pragma once

#include <ldap.h>

#include <algorithm>
#include <atomic>
#include <span>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/directory/address_url.h"
#include "common/directory/detail/cache.h"
#include "common/directory/detail/parse.h"
#include "common/directory/detail/pool.h"
#include "common/directory/would_block.h"

namespace waxwing::directory {

inline constexpr std::size_t kMaxNameBytes = 1024;  // longer than any address or DN that could be found

inline std::vector<std::string> names(std::span<const std::string_view> fixed,
                                      const std::vector<std::string>& more) {
  std::vector<std::string> all(fixed.begin(), fixed.end());
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

inline bool is_empty_answer(const UserRef& user) {
  return user == nullptr;
}
inline bool is_empty_answer(const MatchRef& match) {
  return !match->found();
}
inline bool is_empty_answer(const EntriesRef& entries) {
  return entries->empty();
}

inline bool is_empty_answer(const DomainRef& domain) {
  return domain == nullptr;
}

inline std::string two_entries(const std::string& what, const Entry& a, const Entry& b) {
  return what + " belongs to two entries, " + printable(a.dn) + " and " + printable(b.dn) +
         "; take it from one of them";
}

struct Directory::Inner {
  explicit Inner(Settings given)
      : settings(std::move(given)),
        pool(settings),
        users(settings.cache_entries),
        users_by_dn(settings.cache_entries),
        addresses(settings.cache_entries),
        dns(settings.cache_entries),
        domains(settings.cache_entries),
        searches(settings.cache_entries / 10 + 1),
        recipient_names(settings.names.request(names(recipient_attributes(), settings.extra_attributes))),
        domain_names(settings.names.request(names(domain_attributes(), settings.extra_attributes))) {}

  // believed_seconds: how old an answer may be that this caller takes for fresh; beyond cache_seconds none is.
  template <class C, class F>
  auto look_up(C& cache, std::string_view key, Ask ask, std::int64_t believed_seconds, F fetch)
      -> decltype(fetch());
  template <class C, class F>
  auto look_up(C& cache, std::string_view key, Ask ask, F fetch) -> decltype(fetch()) {
    return look_up(cache, key, ask, settings.cache_seconds, std::move(fetch));
  }

  std::int64_t login_seconds() const { return std::min(settings.login_seconds, settings.cache_seconds); }
  template <class C, class A>
  void keep(C& cache, std::string_view key, const A& answer);

  Result<UserRef> fetch_user(std::string_view login);
  Result<UserRef> fetch_login(std::string_view login);  // and keeps him by his DN
  Result<UserRef> fetch_user_by_dn(std::string_view dn);
  Result<MatchRef> fetch_address(std::string_view address);
  Result<MatchRef> fetch_dn(std::string_view dn);
  // What the pool finds, under our own names.
  Result<Entries> find(const SearchRequest& request);
  Result<DomainRef> fetch_domain(std::string_view name);
  Result<DomainRef> fetch_organization(std::string_view name);
  Result<DomainRef> fetch_dc_node(std::string_view name);
  Result<DomainRef> fetch_vanity(std::string_view name);
  std::string dc_name(std::string_view dn) const;
  Result<Entries> address_entries(const AddressUrlValues& values);
  AddressUrlValues url_values(std::string_view address, const DomainRef& home) const;
  Result<SearchRequest> url_request(std::string_view url) const;
  Result<EntriesRef> fetch_url(std::string_view url, std::size_t max_entries);
  Result<std::string> fetch_addresses(std::string_view url);

  Result<DomainRef> domain(std::string_view name, Ask ask) {
    return look_up(domains, name, ask, [&] { return fetch_domain(name); });
  }
  // The domain, or with domain_uplevel the closest one above it.
  Result<DomainRef> home_of(std::string_view name, Ask ask);
  Result<DomainRef> domain_above(std::string_view dn);
  Result<DomainRef> domain_of(const Entry& entry);
  Result<Match> to_match(Entry entry, DomainRef domain) const;

  const Settings settings;
  Pool pool;
  Cache<UserRef> users;
  Cache<UserRef> users_by_dn;  // who has logged in
  Cache<MatchRef> addresses;
  Cache<MatchRef> dns;
  Cache<DomainRef> domains;
  Cache<EntriesRef, TextHash, std::equal_to<>> searches;
  const std::vector<std::string> recipient_names, domain_names;
  std::atomic<std::uint64_t> hits{0}, misses{0}, shared{0}, stale{0};
};

template <class C, class A>
void Directory::Inner::keep(C& cache, std::string_view key, const A& answer) {
  const auto born = monotonic_ms();
  // A malformed entry is believed for a short while only: it is being corrected.
  const bool lasting = answer && !is_empty_answer(*answer);
  const auto seconds =
      lasting ? settings.cache_seconds : std::min(settings.cache_seconds, settings.negative_seconds);
  cache.store(key, {answer, born, born + seconds * 1000, born + (seconds + settings.stale_seconds) * 1000});
}

template <class C, class F>
auto Directory::Inner::look_up(C& cache, std::string_view key, Ask ask, std::int64_t believed_seconds,
                               F fetch) -> decltype(fetch()) {
  const auto now = monotonic_ms();
  const auto known = cache.find(key);
  if (known && known->is_fresh(now, believed_seconds)) {
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
    if (const auto landed = cache.find(key); landed && landed->is_fresh(monotonic_ms(), believed_seconds))
      return landed->answer;
    auto fetched = fetch();
    if (!fetched && is_unreachable(fetched.error())) return fetched;
    keep(cache, key, fetched);
    return fetched;
  });
  if (waited) shared.fetch_add(1, std::memory_order_relaxed);
  if (!answer && may_be_stale && is_unreachable(answer.error())) {
    stale.fetch_add(1, std::memory_order_relaxed);
    return known->answer;
  }
  return answer;
}

}  // namespace waxwing::directory
