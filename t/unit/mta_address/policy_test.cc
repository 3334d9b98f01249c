#include "mta/policy/access.h"
#include "mta/policy/switching.h"
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
  CHECK(ask("i").action == AccessVerdict::Action::temporary);
  site.directory.down = true;
  const auto down = recipient(site, {}, {"s", "f", "d", "o", "o", "", {}, "l"});
  CHECK(down.action == AccessVerdict::Action::temporary);
  CHECK(down.status == "4.4.3");
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
