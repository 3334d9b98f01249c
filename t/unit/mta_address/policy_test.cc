#include "mta/policy/access.h"
#include "mta/policy/greylist.h"
#include "mta/policy/ip_access.h"
#include "mta/policy/membership.h"
#include "mta/policy/switching.h"
#include "mta/policy/user_limits.h"
#include "t/unit/mta_address/fixture.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

AccessVerdict recipient(Site& site, const AccessSession& session, const RecipientAccess& access) {
  AccessVerdict verdict;
  REQUIRE(check_recipient_access(site.lookup(), session, access, verdict));
  return verdict;
}

std::string switched(Site& site, const char* start, const SwitchState& state) {
  const auto channel = switch_channel(site.lookup(), *site.channel(start), state);
  return channel ? (*channel)->name() : "error";
}

}  // namespace

TEST_CASE("IP_ACCESS") {
  using Action = IpVerdict::Action;
  Site site(
      kSiteCnf,
      "INTERNAL_IP\n\n  * $N\n\nIP_ACCESS\n\n  out|2|1|10.*|*  $I\n  *|*|*|$(192.0.2.0/24)|*  $Nnot$ there\n"
      "  *|*|*|2001:db8::1|six.x  $A2001:db8::2\n  *|*|*|10.0.0.9|*  $Anowhere\n  *|*|*|10.0.0.8|*  $Y\n");
  const auto ask = [&](std::size_t index, const char* address, const char* host = "mx.x") {
    return check_ip_access(site.lookup(), {"out", 2, index, address, host});
  };
  CHECK(ask(1, "10.1.1.1")->action == Action::pass_over);
  CHECK(ask(2, "10.1.1.1")->action == Action::connect);
  CHECK(ask(2, "10.1.1.1")->address == "10.1.1.1");
  CHECK(ask(1, "192.0.2.5")->action == Action::refuse);
  CHECK(ask(1, "192.0.2.5")->text == "not there");
  CHECK(ask(1, "2001:db8::1", "six.x")->address == "2001:db8::2");
  CHECK(ask(1, "2001:db8::1")->address == "2001:db8::1");
  CHECK(ask(2, "10.0.0.8")->address == "10.0.0.8");
  CHECK_FALSE(ask(2, "10.0.0.9"));
  Site without;
  CHECK(check_ip_access(without.lookup(), {"out", 1, 1, "192.0.2.5", "x"})->action == Action::connect);
}

TEST_CASE("ETRN_ACCESS") {
  Site site(kSiteCnf,
            "INTERNAL_IP\n\n  * $N\n\nETRN_ACCESS\n\n  TCP|1|25|10.0.0.1|4|SMTP/*|tcp_local|*  $Y\n  "
            "*|*|tcp_local|@*  $N4.7.0$ later\n"
            "  *  $Nno\n");
  const auto ask = [&](const char* client, const char* asked) {
    const AccessSession session{"TCP|1|25|" + std::string(client) + "|4", "SMTP/a|b", "MAIL", ""};
    return *check_etrn_access(site.lookup(), session, "tcp_local", asked);
  };
  CHECK(ask("10.0.0.1", "here.x").ok());
  CHECK(ask("10.0.0.2", "here.x").text == "no");
  CHECK(ask("10.0.0.2", "@x").action == AccessVerdict::Action::temporary);
}

TEST_CASE("PORT_ACCESS and INTERNAL_IP") {
  Site site;
  const auto ask = [&](const char* client) {
    return *check_port_access(site.lookup(), "192.0.2.1", 25, client, 4000);
  };
  CHECK(port_probe("192.0.2.1", 25, "10.0.0.1", 4000) == "TCP|192.0.2.1|25|10.0.0.1|4000");
  CHECK(ask("10.9.9.9").accept);
  CHECK(ask("10.9.9.9").rule_set == "");
  CHECK(ask("198.51.100.1").rule_set == "EXTERNAL");
  CHECK_FALSE(ask("192.0.2.66").accept);
  CHECK(ask("192.0.2.66").text == "421 go away");
  Site open(kSiteCnf, "INTERNAL_IP\n\n  * $N\n");
  CHECK(check_port_access(open.lookup(), "1.1.1.1", 25, "2.2.2.2", 1)->accept);
}

TEST_CASE("relaying: refused from tcp_local, allowed from inside, and for forwarding users") {
  Site site;
  const auto outside = recipient(
      site, {}, {"tcp_local", "a@b", "tcp_local", "x@far.example", "x@far.example", "", {}, "tcp_local"});
  CHECK_FALSE(outside.ok());
  CHECK(outside.code == 550);
  CHECK(outside.status == "5.7.1");
  CHECK(outside.text == "Relaying not permitted");
  CHECK(outside.delay_ms == 300);
  CHECK(outside.table == "ORIG_SEND_ACCESS");
  CHECK(outside.probe == "tcp_local|a@b|tcp_local|x@far.example");
  for (const auto* source : {"tcp_intranet", "tcp_auth", "tcp_submit"})
    CHECK(recipient(site, {},
                    {source, "a@b", "tcp_local", "x@far.example", "x@far.example", "", {}, "tcp_local"})
              .ok());
  CHECK(
      recipient(site, {}, {"tcp_local", "a@b", "tcp_local", "joe@example.com", "x@far.example", "", {}, "l"})
          .ok());
  CHECK(recipient(site, {}, {"tcp_local", "a@b", "ims-ms", "joe@example.com", "joe@example.com", "", {}, "l"})
            .ok());
  // Without the channel before aliases, the destination channel stands in.
  CHECK_FALSE(
      recipient(site, {}, {"tcp_local", "a@b", "tcp_local", "x@far.example", "x@far.example", "", {}}).ok());
}

TEST_CASE("a bar in an address or a HELO makes no pieces of its own") {
  Site site(kSiteCnf,
            "INTERNAL_IP\n\n  * $N\n\n"
            "ORIG_SEND_ACCESS\n\n  tcp_local|*|l|*  $Y\n  tcp_local|*|tcp_*|*  $Nno\n\n"
            "FROM_ACCESS\n\n  *|MAIL|tcp_auth|*  $Y\n  *  $Nno\n");
  const auto relayed = [&](const char* from, const char* to) {
    return recipient(site, {}, {"tcp_local", from, "tcp_local", to, to, "", {}, "tcp_local"}).ok();
  };
  CHECK_FALSE(relayed("a@b", "x@far.example"));
  CHECK_FALSE(relayed("\"a|l|b\"@b", "x@far.example"));
  CHECK_FALSE(relayed("a@b", "\"x|l|y\"@far.example"));
  const AccessSession session{"TCP|1|2|3|4", "SMTP/x|MAIL|tcp_auth|y", "MAIL", ""};
  CHECK_FALSE(check_from_access(site.lookup(), session, "tcp_local", "a@b")->ok());
}

TEST_CASE("probes and order of the four recipient tables, and FROM_ACCESS") {
  Site site(kSiteCnf,
            "INTERNAL_IP\n\n  * $N\n\nORIG_SEND_ACCESS\n\n  s|f|l|orig1  $Nosa\n\n"
            "SEND_ACCESS\n\n  s|f|d|final1  $Nsa\n  s|f|d|both$T*  $N\n\n"
            "ORIG_MAIL_ACCESS\n\n  TCP|1|2|3|4|SMTP/helo|MAIL|s|f|l|orig2  $Noma\n\n"
            "MAIL_ACCESS\n\n  TCP|1|2|3|4|SMTP/helo|MAIL|s|f|d|final2  $Nma\n  *|final3  $:A$Nsasl\n  "
            "*|final4 $:S$N4.7.0$ later\n\n"
            "FROM_ACCESS\n\n  TCP|1|2|3|4|SMTP/helo|MAIL|s|f|who  $Nfa\n");
  AccessSession session{"TCP|1|2|3|4", "SMTP/helo", "MAIL", "who"};
  const auto ask = [&](const char* original, const char* final) {
    return recipient(site, session, {"s", "f", "d", original, final, "", {}, "l"}).text;
  };
  CHECK(ask("orig1", "final1") == "osa");
  CHECK(ask("x", "final1") == "sa");
  CHECK(ask("orig2", "final2") == "oma");
  CHECK(ask("x", "final2") == "ma");
  CHECK(ask("x", "final3") == "");
  session.sasl = true;
  CHECK(ask("x", "final3") == "sasl");
  const auto later = recipient(site, session, {"s", "f", "d", "x", "final4", "", {true, false, false}, "l"});
  CHECK(later.action == AccessVerdict::Action::temporary);
  CHECK(later.code == 450);
  CHECK(later.status == "4.7.0");
  CHECK(later.text == "later");
  CHECK(check_from_access(site.lookup(), session, "s", "f")->text == "fa");
  CHECK(check_from_access(site.lookup(), session, "s", "other")->ok());
}

TEST_CASE("arguments are taken in the documented order, whatever the order of the flags") {
  Site site(kSiteCnf,
            "INTERNAL_IP\n\n  * $N\n\nFROM_ACCESS\n\n"
            "  *|j|*  $A$<$J$K$D$T$G$S$Ynew@from|send@er|to$ syslog|-50|[ext]|X-H:$ 1|tag1,tag2|10,20,30\n"
            "  *|x|*  $N$X4.7.1|busy\n  *|b|*  $B\n  *|h|*  $H\n  *|v|*  $V\n  *|p|* $>bad|no$N\n  *|i|* "
            "$Iuser|group\n\n"
            "MAIL_ACCESS\n\n  *|o  $]ldap:///x[\n");
  const auto ask = [&](const char* from) { return *check_from_access(site.lookup(), {}, "s", from); };
  const auto j = ask("j");
  CHECK(j.ok());
  CHECK(j.new_from == "new@from");
  CHECK(j.new_sender == "send@er");
  CHECK(j.syslog == "to syslog");
  CHECK(j.delay_ms == 500);
  CHECK(j.delay_this_command_only);
  CHECK(j.prefix_tag == "[ext]");
  CHECK(j.header_lines == std::vector<std::string>{"X-H: 1"});
  CHECK(j.conversion_tags == std::vector<std::string>{"tag1", "tag2"});
  CHECK(j.block_limit == 10);
  CHECK(j.recipient_limit == 20);
  CHECK(j.recipient_cutoff == 30);
  CHECK(ask("x").code == 450);
  CHECK(ask("x").status == "4.7.1");
  CHECK(ask("b").action == AccessVerdict::Action::discard);
  CHECK(ask("h").action == AccessVerdict::Action::hold);
  CHECK(ask("v").action == AccessVerdict::Action::discard_all);
  CHECK(ask("p").syslog == "bad");
  CHECK(ask("p").text == "no");
  CHECK(ask("i").action == AccessVerdict::Action::reject);
  site.directory.down = true;
  const auto down = recipient(site, {}, {"s", "f", "d", "o", "o", "", {}, "l"});
  CHECK(down.action == AccessVerdict::Action::temporary);
  CHECK(down.status == "4.4.3");
}

TEST_CASE("members of a group: by DN, by address, by URL, and of groups within it") {
  Site site;
  auto& directory = site.directory;
  const auto joe = directory.add_user("joe", "joe@example.com", {"joseph@example.com"});
  directory.add_user("ann", "ann@example.com");
  directory.add_user("eve", "eve@example.com");
  const auto staff = directory.add_group("staff@example.com"),
             inner = directory.add_group("inner@example.com");
  staff->member_dns = {joe->dn, inner->dn};
  inner->member_dns = {staff->dn, inner->dn};  // round and round
  inner->rfc822_members = {"Far@Elsewhere.example"};
  staff->member_urls = {"ldap:///o=isp??sub?(title=x*)"};
  directory
      .searches
          ["ldap:///"
           "o=isp?mail?sub?(&(title=x*)(|(mail=ann@example.com)(mailAlternateAddress=ann@example.com)))"]
      .emplace_back();
  const auto in = [&](const char* who) {
    return is_in_group(site.lookup(), who, "staff@example.com").value_or(false);
  };
  for (const char* who :
       {"joe@example.com", "joseph@example.com", "ann@example.com", "far@elsewhere.example"})
    CHECK(in(who));
  for (const char* who : {"eve@example.com", "stranger@elsewhere.example", "", "*", "a)(mail=*@x"})
    CHECK_FALSE(in(who));
  CHECK_FALSE(*is_in_group(site.lookup(), "joe@example.com", "nobody@example.com"));
  CHECK(*is_in_group(site.lookup(), "root@example.com", "root"));
  CHECK_FALSE(*is_in_group(site.lookup(), "joe@example.com", "root"));
  directory.down = true;
  CHECK_FALSE(is_in_group(site.lookup(), "joe@example.com", "staff@example.com"));
}

TEST_CASE("$I in a table") {
  Site site(
      kSiteCnf,
      "INTERNAL_IP\n\n  * $N\n\nFROM_ACCESS\n\n"
      "  *|a|*  $Y$I$1|staff@example.com|For$ staff$ only\n  *|b|*  $X$I$1|staff@example.com|4.7.1|busy\n");
  const auto joe = site.directory.add_user("joe", "joe@example.com");
  site.directory.add_group("staff@example.com")->member_dns = {joe->dn};
  const auto ask = [&](const char* from, const char* auth) {
    AccessSession session;
    session.auth_sender = auth;
    return *check_from_access(site.lookup(), session, "s", from);
  };
  CHECK(ask("a", "joe@example.com").ok());
  CHECK(ask("a", "eve@example.com").text == "For staff only");
  CHECK(ask("a", "").code == 550);
  CHECK(ask("b", "eve@example.com").code == 450);
  site.directory.down = true;
  CHECK(ask("a", "joe@example.com").status == "4.4.3");
}

TEST_CASE("fields that option.dat adds to probes, table by table") {
  const char* const tables =
      "INTERNAL_IP\n\n  * $N\n\nORIG_SEND_ACCESS\n\n  s|f|l|o|3/2/1/|who  $Nosa\n\n"
      "SEND_ACCESS\n\n  s|f|d|t|rfc822;o  $Nsa\n\nMAIL_ACCESS\n\n  *|MAIL|s|f|d|t|rfc822;o|3/2/1/|who  "
      "$Nma\n";
  const auto ask = [&](const char* options) {
    Site site(kSiteCnf, tables, "", options);
    AccessSession session{"TCP|1|2|3|4", "SMTP/helo", "MAIL", "who"};
    return recipient(site, session, {"s", "f", "d", "o", "t", "rfc822;o", {}, "l", 3, 2, 1}).text;
  };
  CHECK(ask("ACCESS_COUNTS=2\nACCESS_AUTH=2\n") == "osa");
  CHECK(ask("ACCESS_ORCPT=4\n") == "sa");
  CHECK(ask("ACCESS_ORCPT=16\nACCESS_COUNTS=16\nACCESS_AUTH=16\n") == "ma");
  CHECK(ask("ACCESS_ORCPT=1\nACCESS_COUNTS=1\nACCESS_AUTH=1\n") == "ma");
  CHECK(ask("ACCESS_COUNTS=2\nACCESS_AUTH=4\n") == "");
}

TEST_CASE("the envelope From as it was given, in the tables that USE_ORIG_RETURN names") {
  const char* const tables =
      "INTERNAL_IP\n\n  * $N\n\nSEND_ACCESS\n\n  s|given|d|t  $Nsg\n  s|f|d|t  $Nsf\n\n"
      "MAIL_ACCESS\n\n  *|MAIL|s|given|d|t  $Nmg\n  *|MAIL|s||d|t  $Nempty\n";
  const auto ask = [&](const char* options, std::optional<std::string_view> given) {
    Site site(kSiteCnf, tables, "", options);
    AccessSession session{"TCP|1|2|3|4", "SMTP/helo", "MAIL", "who"};
    RecipientAccess access{"s", "f", "d", "o", "t", "", {}, "l", 3, 2, 1};
    access.given_from = given;
    return recipient(site, session, access).text;
  };
  CHECK(ask("", "given") == "sf");
  CHECK(ask("USE_ORIG_RETURN=4\n", "given") == "sg");
  CHECK(ask("USE_ORIG_RETURN=1\n", "given") == "sg");
  CHECK(ask("USE_ORIG_RETURN=4\n", std::nullopt) == "sf");
  CHECK(ask("USE_ORIG_RETURN=16\n", "given") == "sf");
  CHECK(ask("USE_ORIG_RETURN=20\n", "") == "empty");
}

TEST_CASE("what a user may send, by attributes that option.dat names") {
  Site site(kSiteCnf, kSiteMappings, "",
            "LDAP_SOURCEBLOCKLIMIT=sendBlocks\nLDAP_RECIPIENTLIMIT=sendTo\nLDAP_DOMAIN_ATTR_RECIPIENTLIMIT="
            "allSendTo\n");
  const auto joe = site.directory.add_user("joe", "joe@example.com");
  const auto ann = site.directory.add_user("ann", "ann@example.com");
  joe->entry.attributes.push_back({"sendBlocks", {"7"}});
  joe->entry.attributes.push_back({"sendTo", {"nonsense"}});
  ann->entry.attributes.push_back({"sendTo", {"3"}});
  site.directory.domains["example.com"]->entry.attributes.push_back({"allSendTo", {"50"}});
  const auto ask = [&](const char* who) { return *user_limits(site.lookup(), who); };
  CHECK(ask("joe@example.com").blocks == 7);
  CHECK(ask("joe@example.com").recipients == 50);
  CHECK(ask("ann@example.com").recipients == 3);
  CHECK(ask("ann@example.com").cutoff == 0);
  CHECK(ask("").recipients == 0);
  CHECK(ask("stranger@example.com").recipients == 0);
  site.directory.down = true;
  CHECK_FALSE(user_limits(site.lookup(), "joe@example.com"));
}

TEST_CASE("greylisting looks at the neighbourhood of a client") {
  CHECK(neighbourhood("192.0.2.77") == "192.0.2.0");
  CHECK(neighbourhood("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::");
  CHECK(neighbourhood("not an address") == "not an address");
  CHECK(neighbourhood("").empty());
}

TEST_CASE("channel switching by address, TLS, login and user") {
  Site site(replace_all(kSiteCnf, "tcp_submit submit smtp",
                        "tcp_submit submit smtp tlsswitchchannel tcp_auth userswitchchannel"));
  CHECK(switched(site, "tcp_local", {"10.1.1.1", false, false, ""}) == "tcp_intranet");
  CHECK(switched(site, "tcp_local", {"fd00::5", false, false, ""}) == "tcp_intranet");
  CHECK(switched(site, "tcp_local", {"192.0.2.1", false, false, ""}) == "tcp_local");
  CHECK(switched(site, "tcp_local", {"192.0.2.1", true, true, ""}) == "tcp_auth");
  CHECK(switched(site, "tcp_local", {"10.1.1.1", false, true, ""}) == "tcp_auth");
  CHECK(switched(site, "tcp_local", {"", false, false, ""}) == "tcp_local");
  CHECK(switched(site, "tcp_intranet", {"10.1.1.1", false, false, ""}) == "tcp_intranet");
  // noswitchchannel (the default here) keeps a session where it is, and others out.
  CHECK(switched(site, "tcp_submit", {"10.1.1.1", true, true, "tcp_intranet"}) == "tcp_submit");
  Site open(
      replace_all(kSiteCnf, "tcp_submit submit smtp",
                  "tcp_submit allowswitchchannel submit smtp tlsswitchchannel tcp_closed userswitchchannel"));
  CHECK(switched(open, "tcp_submit", {"10.1.1.1", true, true, "tcp_intranet"}) == "tcp_intranet");
  CHECK(switched(open, "tcp_submit", {"10.1.1.1", true, true, "tcp_closed"}) == "tcp_submit");
  CHECK(switched(open, "tcp_submit", {"10.1.1.1", true, true, "nonsense"}) == "tcp_submit");
  CHECK(switched(open, "tcp_submit", {"10.1.1.1", false, false, "tcp_intranet"}) == "tcp_submit");
}
