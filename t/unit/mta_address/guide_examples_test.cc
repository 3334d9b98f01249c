// Examples that administrators know from the guides: they are taken as they stand and do what is said of them.
#include "mta/address/mapping.h"
#include "mta/address/resolve.h"
#include "mta/address/rewrite.h"
#include "mta/address/site_routine.h"
#include "mta/policy/access.h"
#include "t/unit/mta_address/fixture.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

std::string flags_of(Site& site, const char* table, const std::string& probe) {
  return apply_mapping(site.lookup(), table, probe)->flags.letters();
}

Site with_internal_ip(const std::string& rows) {
  return Site(kSiteCnf, "INTERNAL_IP\n\n" + rows);
}

// "accepts EXTERNAL", "refuses 421 go away".
std::string port(Site& site, int server_port, const std::string& client) {
  const auto verdict = check_port_access(site.lookup(), "192.0.2.1", server_port, client, 40000);
  if (!verdict) return "error " + verdict.error().text;
  return verdict->accept ? "accepts " + verdict->rule_set : "refuses " + verdict->text;
}

// Stand for a block list and a rate limiter: what they are asked, and one client that each does not like.
std::vector<std::string> asked;
RoutineAnswer listed(const Lookup&, std::string_view argument) {
  asked.push_back("list " + std::string(argument));
  if (!argument.starts_with("203.0.113.5,")) return std::nullopt;
  return "$N571 http://list.example/" + std::string(argument.substr(0, argument.find(',')));
}
RoutineAnswer throttled(const Lookup&, std::string_view argument) {
  asked.push_back("throttle " + std::string(argument));
  return argument == "ext_throttle,203.0.113.6" ? std::optional<std::string>("") : std::nullopt;
}

const char* const kPortAccess =
    "PORT_ACCESS\n\n"
    "! TCP|server-address|server-port|client-address|client-port\n"
    "  *|*|*|*|*     $C$|INTERNAL_IP;$3|$Y$E\n"
    "  *|*|*|*|*     $C$:A$[IMTA_LIB:guide_throttle.so,throttle,ext_throttle,$3]$N421$ Connection$ declined$ "
    "at$ this$ time$E\n"
    "  *|*|*|*|*     $C$|FRIENDLY_IP;$3|$YEXTERNAL$E\n"
    "  TCP|*|25|*|*  $C$:S$[IMTA_LIB:guide_list.so,dns_verify_domain_port,$1,zen.example.org.,Your$ host$ "
    "($1)$ "
    "found$ on$ "
    "the$ block$ list]$T$E\n"
    "  *             $YEXTERNAL\n\n"
    "INTERNAL_IP\n\n  $(192.0.2.0/24)  $Y\n  127.0.0.1  $Y\n  *  $N\n\n"
    "FRIENDLY_IP\n\n  $(192.168.100.0/24)  $Y\n  *  $N\n";

}  // namespace

TEST_CASE("a rule that names a domain and the channel of its host") {
  Site site(std::string("example.com      $U%example.com@tcp_siroe-daemon\n"
                        ".example.com     $U%example.com@tcp_siroe-daemon\n") +
            kSiteCnf + "\ntcp_siroe smtp\ntcp_siroe-daemon\n");
  site.directory.domains.clear();
  for (const char* host : {"example.com", "Thor.Example.COM"}) {
    const auto result = *rewrite(site.lookup(), {"wallaby", host});
    REQUIRE(result);
    CHECK(result->text() == "wallaby@example.com");
    CHECK(result->channel->name() == "tcp_siroe");
  }
}

TEST_CASE("INTERNAL_IP: the host itself, its subnet, and a range as two subnets") {
  auto one = with_internal_ip("  $(123.45.67.89/32) $Y\n  127.0.0.1 $Y\n  * $N\n");
  auto subnet = with_internal_ip("  $(123.45.67.89/24) $Y\n  127.0.0.1 $Y\n  * $N\n");
  auto range = with_internal_ip(
      "  ! Match IP addresses in the range 123.45.67.80-123.45.67.95\n  $(123.45.67.80/28) $Y\n"
      "  ! Match IP addresses in the range 123.45.67.96-123.45.67.99\n  $(123.45.67.96/30) $Y\n"
      "  127.0.0.1 $Y\n  * $N\n");
  for (int last = 0; last < 256; ++last) {
    const auto ip = "123.45.67." + std::to_string(last);
    INFO(ip);
    CHECK(flags_of(one, "INTERNAL_IP", ip) == (last == 89 ? "Y" : "N"));
    CHECK(flags_of(subnet, "INTERNAL_IP", ip) == "Y");
    CHECK(flags_of(range, "INTERNAL_IP", ip) == (last >= 80 && last <= 99 ? "Y" : "N"));
  }
  for (auto* site : {&one, &subnet, &range}) {
    CHECK(flags_of(*site, "INTERNAL_IP", "127.0.0.1") == "Y");
    CHECK(flags_of(*site, "INTERNAL_IP", "123.45.68.89") == "N");
  }
}

TEST_CASE("PORT_ACCESS: inside first, then rate limiter, friends, block list, and the rest is let in") {
  add_built_in_routine("guide_throttle.so,throttle", throttled);
  add_built_in_routine("guide_list.so,dns_verify_domain_port", listed);
  Site site(kSiteCnf, kPortAccess);
  const auto asks = [&](int server_port, const char* client) {
    asked.clear();
    return port(site, server_port, client);
  };
  CHECK(asks(25, "192.0.2.77") == "accepts ");
  CHECK(asked.empty());
  CHECK(asks(25, "203.0.113.6") == "refuses 421 Connection declined at this time");
  CHECK(asked == std::vector<std::string>{"throttle ext_throttle,203.0.113.6"});
  CHECK(asks(25, "192.168.100.9") == "accepts EXTERNAL");
  CHECK(asked.size() == 1);
  CHECK(asks(25, "203.0.113.5") == "refuses 571 http://list.example/203.0.113.5");
  CHECK(asked.at(1) == "list 203.0.113.5,zen.example.org.,Your host (203.0.113.5) found on the block list");
  CHECK(asks(587, "203.0.113.5") == "accepts EXTERNAL");
  CHECK(asked.size() == 1);
  CHECK(asks(25, "203.0.113.7") == "accepts EXTERNAL");
  CHECK(asked.size() == 2);
}

TEST_CASE("explicit routing through this host is refused by rows of ORIG_SEND_ACCESS") {
  Site site(kSiteCnf, std::string("INTERNAL_IP\n\n  *  $N\n\nORIG_SEND_ACCESS\n\n") +
                          "  tcp_local|*|tcp_*|*$%*@*   $N$D30|Explicit$ routing$ not$ allowed\n"
                          "  tcp_local|*|tcp_*|*.*!*@*  $N$D30|Explicit$ routing$ not$ allowed\n"
                          "  tcp_local|*|tcp_*|\"*@*\"@*  $N$D30|Explicit$ routing$ not$ allowed\n"
                          "  tcp_local|*|tcp_*|*        $N$D30|Relaying$ not$ allowed\n");
  const auto text = [&](const char* address) {
    const auto outcome = resolve_recipient(site.lookup(), {address, site.channel("tcp_local")});
    if (!outcome || !*outcome) return std::string("not resolved");
    const auto& recipient = (*outcome)->recipients.at(0);
    AccessVerdict verdict;
    REQUIRE(check_recipient_access(site.lookup(), {},
                                   {"tcp_local",
                                    "a@b",
                                    recipient.channel,
                                    recipient.rewritten,
                                    recipient.expanded,
                                    "",
                                    {},
                                    recipient.rewritten_channel},
                                   verdict));
    return verdict.text;
  };
  CHECK(text("u%far.test@elsewhere.test") == "Explicit routing not allowed");
  CHECK(text("far.test!u@elsewhere.test") == "Explicit routing not allowed");
  CHECK(text("\"u@far.test\"@elsewhere.test") == "Explicit routing not allowed");
  CHECK(text("u@elsewhere.test") == "Relaying not allowed");
}
