#include "mta/transport/route.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <random>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/idn.h"

namespace waxwing::mta {

namespace {

using Status = DnsAnswer::Status;

Route no_route(Route::Status status, std::string text) {
  return {status, {}, std::move(text)};
}

bool is_own_name(std::string_view name, const RouteOptions& options) {
  return std::ranges::any_of(options.own_names, [&](const auto& own) { return iequals(own, name); });
}

// Equals are shuffled so that the load spreads.
void shuffle_equals(std::vector<MxHost>& hosts) {
  std::minstd_rand random(static_cast<std::uint32_t>(random_u64()));
  for (auto begin = hosts.begin(); begin != hosts.end();) {
    const auto end = std::find_if(begin, hosts.end(),
                                  [&](const auto& host) { return host.preference != begin->preference; });
    std::shuffle(begin, end, random);
    begin = end;
  }
}

// A host that is an MX of the domain itself must only go to better ones: RFC 5321 §5.1.
void drop_from_own(std::vector<MxHost>& hosts, const RouteOptions& options) {
  const auto own =
      std::ranges::find_if(hosts, [&](const auto& host) { return is_own_name(host.name, options); });
  if (own == hosts.end()) return;
  const auto preference = own->preference;
  std::erase_if(hosts, [&](const auto& host) { return host.preference >= preference; });
}

struct Gathered {
  std::vector<Target> targets;
  bool sure = true;  // the names came from nobody in between
  bool own = false, uncertain = false;
  std::string why;
};

Task<void> gather(NameService& names, std::string name, const RouteOptions& options, Gathered& into) {
  auto found = co_await names.addresses(name);
  if (found.status == Status::failed) {
    into.uncertain = true;
    into.why = name + ": " + found.why;
  }
  std::size_t count = 0;
  for (auto& address : found.list) {
    if (++count > options.max_addresses) break;
    if (options.is_own && options.is_own(address, options.port))
      into.own = true;
    else
      into.targets.push_back({name, std::move(address), options.port, into.sure, {}});
  }
}

Task<void> add_last_resort(NameService& names, const RouteOptions& options, Route& route) {
  if (options.last_resort.empty()) co_return;
  RouteOptions plain = options;
  plain.last_resort.clear();
  plain.use_mx = false;
  auto last = co_await find_route(names, options.last_resort, plain);
  if (last.targets.empty()) co_return;
  route.status = Route::Status::found;
  std::ranges::move(last.targets, std::back_inserter(route.targets));
}

Task<Route> route_of(NameService& names, std::string host, const RouteOptions& options) {
  std::vector<MxHost> hosts;
  bool secure = false;
  if (options.use_mx) {
    auto mx = co_await names.mx(host);
    if (mx.status == Status::failed)
      co_return no_route(Route::Status::deferred, "4.4.3 name server failure for " + host + ": " + mx.why);
    if (mx.status == Status::no_name)
      co_return no_route(Route::Status::failed, "5.1.2 host unknown: " + host);
    hosts = std::move(mx.hosts);
    secure = mx.secure;
    if (hosts.size() == 1 && (hosts[0].name.empty() || hosts[0].name == "."))
      co_return no_route(Route::Status::failed, "5.1.10 " + host + " takes no mail (null MX)");
    const bool had_mx = !hosts.empty();
    drop_from_own(hosts, options);
    if (had_mx && hosts.empty())
      co_return no_route(Route::Status::failed, "5.4.6 mail for " + host + " loops back to this host");
    if (options.random_mx) shuffle_equals(hosts);
    if (hosts.size() > options.max_mx) hosts.resize(options.max_mx);
  }
  if (hosts.empty()) hosts.push_back({0, host});
  Gathered gathered;
  for (const auto& each : hosts) {
    gathered.sure = secure || iequals(each.name, host);
    co_await gather(names, each.name, options, gathered);
    // What is worse than ourselves by address is as bad as by name.
    if (gathered.own) break;
  }
  if (!gathered.targets.empty()) co_return Route{Route::Status::found, std::move(gathered.targets), {}};
  if (gathered.own)
    co_return no_route(Route::Status::failed, "5.4.6 mail for " + host + " loops back to this host");
  if (gathered.uncertain)
    co_return no_route(Route::Status::deferred, "4.4.3 name server failure for " + gathered.why);
  co_return no_route(Route::Status::failed, "5.1.2 host has no address: " + host);
}

}  // namespace

Task<Resolver::MxList> DnsNameService::mx(std::string domain) {
  return resolver_.mx(std::move(domain));
}
Task<Resolver::Addresses> DnsNameService::addresses(std::string name) {
  return resolver_.addresses(std::move(name));
}
Task<std::vector<std::string>> DnsNameService::names_of(std::string address) {
  return resolver_.names_of(std::move(address));
}

std::string address_of_literal(std::string_view host) {
  if (host.size() < 3 || host.front() != '[' || host.back() != ']') return {};
  auto inside = host.substr(1, host.size() - 2);
  if (istarts_with(inside, "IPv6:")) inside.remove_prefix(5);
  std::string address(inside);
  return is_ip_address(address) ? address : std::string();
}

std::vector<std::string> interface_addresses() {
  std::vector<std::string> all;
  ::ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return all;
  for (const auto* each = list; each; each = each->ifa_next) {
    if (!each->ifa_addr) continue;
    const int family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    char text[NI_MAXHOST];
    const auto size = static_cast<socklen_t>(family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    if (::getnameinfo(each->ifa_addr, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      all.emplace_back(std::string_view(text).substr(0, std::string_view(text).find('%')));
  }
  ::freeifaddrs(list);
  return all;
}

Task<Route> find_route(NameService& names, std::string host, const RouteOptions& options) {
  auto literal = address_of_literal(host);
  if (literal.empty() && is_ip_address(host)) literal = host;
  const auto name = mail::to_a_labels(host);
  Route route;
  if (!literal.empty()) {
    if (options.is_own && options.is_own(literal, options.port))
      co_return no_route(Route::Status::failed, "5.4.6 mail for " + host + " loops back to this host");
    route.targets.push_back({host, std::move(literal), options.port, true, {}});
  } else if (host.starts_with('[') || !name || !mail::is_smtp_domain(*name)) {
    co_return no_route(Route::Status::failed, "5.1.2 that is no host: " + printable(host));
  } else {
    route = co_await route_of(names, *name, options);
  }
  if (route.status != Route::Status::failed) co_await add_last_resort(names, options, route);
  co_return route;
}

}  // namespace waxwing::mta
