// $[IMTA_LIB:dns_verify.so,routine,argument]
#include <map>
#include <mutex>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/config/config.h"
#include "common/directory/would_block.h"
#include "common/log/log.h"
#include "common/net/block_list.h"
#include "mta/policy/detail/blocking_dns.h"
#include "mta/policy/detail/routines.h"

namespace waxwing::mta {

namespace {

constexpr int kA = 1, kTxt = 16, kAaaa = 28;
// Of the 16 workers that a daemon has by default. Apart, since strangers choose the domains that are verified,
// and may choose some whose name servers never answer.
constexpr int kMostListQuestions = 8, kMostDomainQuestions = 4;

std::string dns_server(const std::string& root) {
  const auto config = Config::load(root);
  return config ? (*config)->text("dns.server") : "";
}
BlockingDns& list_dns(const Lookup& lookup) {
  static BlockingDns dns(dns_server(lookup.config.root()), kMostListQuestions);
  return dns;
}
BlockingDns& domain_dns(const Lookup& lookup) {
  static BlockingDns dns(dns_server(lookup.config.root()), kMostDomainQuestions);
  return dns;
}

// ---- block lists

// A zone whose name servers do not answer is left alone for a while: each question costs five seconds. One that
// fails at once goes on being asked: it may be sick for one address only.
class RestingZones {
 public:
  bool rests(const std::string& zone) {
    const std::lock_guard lock(mutex_);
    const auto found = zones_.find(zone);
    return found != zones_.end() && monotonic_ms() < found->second.until_ms;
  }
  void failed(const std::string& zone, std::int64_t took_ms, const std::string& why) {
    constexpr std::int64_t kSlowMs = 2000, kRestMs = 30000;
    const auto now = monotonic_ms();
    const std::lock_guard lock(mutex_);
    auto& entry = zones_[zone];  // zones stand in the configuration: they are few
    if (took_ms >= kSlowMs) entry.until_ms = now + kRestMs;
    if (now < entry.next_word_ms) return;
    entry.next_word_ms = now + kRestMs;
    log::Event("mta.dns_list.failed").with("zone", zone).with("why", why).warning();
  }

 private:
  struct Zone {
    std::int64_t until_ms = 0, next_word_ms = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Zone> zones_;
};

// What the zone says of the address; nothing: it is not listed, or the zone cannot be asked.
std::optional<Listing> listing(const Lookup& lookup, std::string_view address, std::string_view given_zone) {
  static RestingZones resting;
  const std::string zone(given_zone.ends_with('.') ? given_zone.substr(0, given_zone.size() - 1)
                                                   : given_zone);
  const auto reversed = reversed_address(std::string(address));
  if (reversed.empty() || zone.empty() || resting.rests(zone)) return std::nullopt;
  auto& dns = list_dns(lookup);
  const auto name = reversed + "." + zone;
  const auto begun = monotonic_ms();
  const auto answer = dns.query(name, kA);
  if (!answer || answer->status == DnsAnswer::Status::failed) {
    resting.failed(zone, monotonic_ms() - begun, answer ? answer->why : "no answer in time");
    return std::nullopt;
  }
  if (!is_listing(*answer)) return std::nullopt;
  const auto text = dns.query(name, kTxt);
  return Listing{zone, text ? listing_text(*text) : ""};
}

std::string doubled_dollars(std::string_view text) {
  std::string out;
  for (const char c : text) out.append(c == '$' ? 2 : 1, c);
  return out;
}

// ip,zone,text
RoutineAnswer listed(const Lookup& lookup, std::string_view argument, const char* before) {
  const auto address = trim(take_until(argument, ','));
  const auto zone = trim(take_until(argument, ','));
  const auto found = listing(lookup, address, zone);
  if (!found) return std::nullopt;
  auto text = !found->text.empty() ? found->text : std::string(argument);
  if (text.empty()) text = std::string(address) + " is listed by " + found->zone;
  return before + doubled_dollars(text);
}
RoutineAnswer verify_domain_port(const Lookup& lookup, std::string_view argument) {
  return listed(lookup, argument, "$N571 ");
}
RoutineAnswer verify_domain(const Lookup& lookup, std::string_view argument) {
  return listed(lookup, argument, "$N");
}
RoutineAnswer verify_domain_warn(const Lookup& lookup, std::string_view argument) {
  return listed(lookup, argument, "$AX-RBL-Warning: ");
}

// ---- names

enum class Known { yes, no, cannot_be_asked };
struct Found {
  Known known = Known::cannot_be_asked;
  std::string why;
};

Found from_status(DnsAnswer::Status status, std::string why) {
  if (status == DnsAnswer::Status::found) return {Known::yes, ""};
  if (status == DnsAnswer::Status::failed) return {Known::cannot_be_asked, std::move(why)};
  return {Known::no, status == DnsAnswer::Status::no_name ? "no such name" : "the name has no address"};
}

// A domain that takes or sends mail: one with an MX record needs no address of its own.
Found find_domain(BlockingDns& dns, const std::string& name) {
  const auto mx = dns.mx(name);
  if (mx && is_null_mx(*mx)) return {Known::no, "it takes no mail"};
  if (mx && mx->status == DnsAnswer::Status::found) return {Known::yes, ""};
  if (mx && mx->status == DnsAnswer::Status::no_name) return from_status(mx->status, "");
  const auto found = dns.addresses(name);
  return found ? from_status(found->status, found->why) : Found{};
}
template <int rr_type>
Found find_record(BlockingDns& dns, const std::string& name) {
  const auto found = dns.query(name, rr_type);
  return found ? from_status(found->status, found->why) : Found{};
}
Found find_ptr(BlockingDns& dns, const std::string& address) {
  const auto names = dns.names_of(address);
  if (!names) return {};
  return names->empty() ? Found{Known::no, "no name for this address"} : Found{Known::yes, ""};
}

using Find = Found (*)(BlockingDns&, const std::string&);

// name|answer when DNS knows it|answer when not, with %e for what is wrong. What cannot be asked counts as known.
// An empty answer lets the row fail, so that others have their say.
RoutineAnswer verify_name(const Lookup& lookup, std::string_view argument, Find find) {
  const std::string name(trim(take_until(argument, '|')));
  const std::string known(take_until(argument, '|'));
  const auto found = name.empty() ? Found{Known::no, "no name"} : find(domain_dns(lookup), name);
  auto answer = found.known == Known::no ? replace_all(std::string(argument), "%e", found.why) : known;
  if (answer.empty()) return std::nullopt;
  return answer;
}

RoutineAnswer first_mx(const Lookup& lookup, std::string_view argument) {
  const auto mx = domain_dns(lookup).mx(std::string(trim(argument)));
  if (!mx || mx->hosts.empty() || mx->hosts.front().name.empty()) return std::nullopt;
  return doubled_dollars(mx->hosts.front().name);
}

template <RoutineAnswer (*routine)(const Lookup&, std::string_view)>
RoutineAnswer on_worker(const Lookup& lookup, std::string_view argument) {
  if (lookup.ask == Ask::cache_only) return std::unexpected(directory::would_block());
  return routine(lookup, argument);
}
template <Find find>
RoutineAnswer verify(const Lookup& lookup, std::string_view argument) {
  return verify_name(lookup, argument, find);
}

struct Row {
  const char* name;
  BuiltInRoutine routine;
};
constexpr Row kRoutines[] = {
    {"dns_verify", on_worker<verify<find_domain>>},
    {"dns_verify_ipv4", on_worker<verify<find_record<kA>>>},
    {"dns_verify_ipv6", on_worker<verify<find_record<kAaaa>>>},
    {"dns_verify_ptr", on_worker<verify<find_ptr>>},
    {"dns_verify_domain", on_worker<verify_domain>},
    {"dns_verify_domain_port", on_worker<verify_domain_port>},
    {"dns_verify_domain_warn", on_worker<verify_domain_warn>},
    {"dns_get_first_mx", on_worker<first_mx>},
};

}  // namespace

void add_dns_routines() {
  for (const auto& row : kRoutines)
    add_built_in_routine(std::string("dns_verify.so,") + row.name, row.routine);
}

}  // namespace waxwing::mta
