#include "common/auth/access.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "common/base/strings.h"

namespace waxwing::auth {

namespace {
using Bytes = std::array<unsigned char, 16>;

// IPv4 as its mapped form, so that one comparison serves both.
std::optional<Bytes> parse_address(std::string_view text) {
  Bytes bytes{};
  const std::string name(text);
  in_addr four{};
  if (::inet_pton(AF_INET, name.c_str(), &four) == 1) {
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(&bytes[12], &four, 4);
    return bytes;
  }
  if (::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

bool is_loopback_bytes(const Bytes& address) {
  static const Bytes six = *parse_address("::1");
  return address == six ||
         (address[10] == 0xff && address[11] == 0xff && address[12] == 127 && address[0] == 0);
}

bool same_prefix(const Bytes& a, const Bytes& b, int bits) {
  for (int i = 0; i < bits; ++i)
    if ((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8)) return false;
  return true;
}

// "10.0.0.0/8", "10.0.0.0/255.0.0.0", "2001:db8::/32"; nothing when it is no net.
std::optional<bool> in_net(std::string_view net, const std::optional<Bytes>& peer) {
  const auto slash = net.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto base = parse_address(net.substr(0, slash));
  if (!base) return std::nullopt;
  const bool four = net.find(':') == std::string_view::npos;
  auto bits = to_number<int>(net.substr(slash + 1));
  if (!bits) {
    const auto mask = parse_address(net.substr(slash + 1));
    if (!mask || !four) return std::nullopt;
    bits = 0;
    while (*bits < 32 && ((*mask)[12 + *bits / 8] & (0x80 >> *bits % 8))) ++*bits;
  }
  if (*bits < 0 || *bits > (four ? 32 : 128)) return std::nullopt;
  return peer && same_prefix(*base, *peer, *bits + (four ? 96 : 0));
}

bool glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() &&
        (pattern[p] == '?' || (pattern[p] != '*' && lower(pattern[p]) == lower(text[t])))) {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool client_matches(std::string_view pattern, const Peer& peer) {
  const auto address = parse_address(peer.address);
  const bool local = peer.address.empty() || (address && is_loopback_bytes(*address));
  if (iequals(pattern, "ALL") || pattern == "*") return true;
  if (iequals(pattern, "LOCAL"))
    return local || (!peer.host_name.empty() && peer.host_name.find('.') == std::string::npos);
  if (iequals(pattern, "KNOWN")) return !peer.host_name.empty();
  if (iequals(pattern, "UNKNOWN")) return peer.host_name.empty();
  if (const auto inside = in_net(pattern, address)) return *inside;
  if (const auto exact = parse_address(pattern)) return address && *exact == *address;
  if (pattern.ends_with('.')) return istarts_with(peer.address, pattern);
  if (pattern.starts_with('.')) return iends_with(peer.host_name, pattern);
  return glob(pattern, peer.address) || (!peer.host_name.empty() && glob(pattern, peer.host_name));
}

bool service_matches(std::string_view pattern, const Peer& peer) {
  constexpr std::string_view names[] = {"smtp", "imap", "pop", "http"};
  const auto name = names[static_cast<int>(peer.service)];
  if (iequals(pattern, "ALL") || pattern == "*" || iequals(pattern, name)) return true;
  if (iequals(pattern, "pop3") && name == "pop") return true;
  return peer.tls && pattern.size() == name.size() + 1 && istarts_with(pattern, name) &&
         lower(pattern.back()) == 's';
}

std::vector<std::string_view> words_of(std::string_view list) {
  std::vector<std::string_view> words;
  for (const auto part : split(list, ','))
    for (const auto word : split_words(part)) words.push_back(word);
  return words;
}

// "a, b EXCEPT c EXCEPT d" is a, b without (c without d).
template <class Matches>
bool list_matches(std::span<const std::string_view> words, Matches matches) {
  const auto except = std::ranges::find_if(words, [](auto word) { return iequals(word, "EXCEPT"); });
  const auto before = words.subspan(0, static_cast<std::size_t>(except - words.begin()));
  if (std::ranges::none_of(before, matches)) return false;
  if (except == words.end()) return true;
  return !list_matches(words.subspan(before.size() + 1), matches);
}
}  // namespace

bool is_loopback(std::string_view address) {
  const auto bytes = parse_address(address);
  return address.empty() || (bytes && is_loopback_bytes(*bytes));
}

Result<> check_filters(std::string_view filters, const Peer& peer) {
  bool any_allow = false, any_deny = false;
  for (auto filter : split(filters, '$')) {
    filter = trim(filter);
    if (filter.empty()) continue;
    const bool deny = filter.front() == '-';
    if (deny || filter.front() == '+') filter.remove_prefix(1);
    (deny ? any_deny : any_allow) = true;
    const auto colon = filter.find(':');
    const auto services = words_of(filter.substr(0, colon));
    const auto clients = colon == std::string_view::npos ? std::vector<std::string_view>{}
                                                         : words_of(filter.substr(colon + 1));
    if (services.empty() || clients.empty())
      return permanent("service access filter '" + printable(filter) + "' is not 'services:clients'");
    if (!list_matches(std::span(services), [&](auto word) { return service_matches(word, peer); }) ||
        !list_matches(std::span(clients), [&](auto word) { return client_matches(word, peer); }))
      continue;
    if (deny) return permanent("denied by service access filter '-" + printable(filter) + "'");
    return {};
  }
  if (any_allow && !any_deny)
    return permanent("no service access filter allows it: '" + printable(filters) + "'");
  return {};
}

AccessVerdict check_access(const directory::User& user, const Peer& peer) {
  using directory::Status;
  const auto closed = [](Status status) { return status != Status::active && status != Status::overquota; };
  const auto refuse = [&](Reason reason, const char* for_client, const std::string& why) {
    return AccessVerdict{false, Failure{reason, for_client, user.store_name + ": " + why}};
  };
  if (closed(user.domain->status))
    return refuse(Reason::status, "This account is not active.",
                  "domain " + user.domain->name + " is " + to_string(user.domain->status));
  if (closed(user.status))
    return refuse(Reason::status, "This account is not active.",
                  std::string("user is ") + to_string(user.status));
  for (const auto& filters : {user.domain->allowed_service_access, user.allowed_service_access})
    if (const auto allowed = check_filters(filters, peer); !allowed)
      return refuse(Reason::access, "This service is not open to you from this address.",
                    allowed.error().text);
  return {};
}

}  // namespace waxwing::auth
