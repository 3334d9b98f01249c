#include "mta/address/resolve.h"

#include "common/base/strings.h"
#include "common/base/time.h"
#include "t/unit/mta_address/resolving.h"

using namespace waxwing;
using namespace waxwing::mta;
using directory::Status;

TEST_CASE("users by mail, alternate address, subaddress, in default and hosted domains") {
  Site site;
  site.directory.add_user("joe", "joe@example.com", {"j.smith@example.com", "joe+exact@example.com"});
  site.directory.add_domain("other.example");
  site.directory.add_user("sue", "sue@other.example");
  CHECK(resolve(site, "joe@example.com") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "J.Smith@Example.COM") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "joe@mail.example.com") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "joe") == "ims-ms:joe@ims-ms-daemon");  // defaulthost
  CHECK(resolve(site, "joe+exact@example.com") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "joe+Work/x@example.com") == "ims-ms:joe+Work/x@ims-ms-daemon");
  CHECK(resolve(site, "sue@other.example") == "ims-ms:sue%other.example@ims-ms-daemon");
  CHECK(resolve(site, "nobody@example.com") == "550 5.1.1");
  CHECK(resolve(site, "joe@far.example") == "tcp_local:joe@far.example");
  CHECK(resolve(site, "not an address@") == "501 5.1.3");
  CHECK(resolve(site, "") == "501 5.1.3");
  const auto sue = only(site, "Sue+Box@other.example");
  CHECK(sue.mailbox == "sue@other.example");
  CHECK(sue.folder == "Box");
  CHECK(sue.host == "ims-ms-daemon");
  CHECK(sue.rewritten == "Sue+Box@other.example");
  CHECK(sue.rewritten_channel == "l");
  CHECK(sue.expanded == "Sue+Box@other.example");
  CHECK(only(site, "x@Far.Example").host == "far.example");
}

TEST_CASE("channels' own names are no way in from outside") {
  Site site;
  CHECK(resolve(site, "joe@ims-ms-daemon") == "tcp_local:joe@ims-ms-daemon");
  CHECK(resolve(site, "joe@bitbucket") == "tcp_local:joe@bitbucket");
}

TEST_CASE("statuses of users and domains") {
  struct Case {
    Status status;
    const char* answer;
  };
  for (const auto& each :
       {Case{Status::active, "ims-ms:joe@ims-ms-daemon"}, Case{Status::inactive, "450 4.2.1"},
        Case{Status::deleted, "550 5.1.1"}, Case{Status::removed, "550 5.1.1"},
        Case{Status::disabled, "550 5.2.1"}, Case{Status::unused, "550 5.2.1"},
        Case{Status::overquota, "452 4.2.2"}, Case{Status::hold, "hold:joe@example.com"}}) {
    INFO(directory::to_string(each.status));
    Site by_user, by_domain;
    by_user.directory.add_user("joe", "joe@example.com")->status = each.status;
    CHECK(resolve(by_user, "joe@example.com") == each.answer);
    by_domain.directory.add_user("joe", "joe@example.com");
    by_domain.directory.domains["example.com"]->status = each.status;
    CHECK(resolve(by_domain, "joe@example.com") == each.answer);
  }
  Site strict(kSiteCnf, kSiteMappings, "", "USE_PERMANENT_ERROR=1\nUSE_TEMPORARY_ERROR=1\n");
  strict.directory.add_user("joe", "joe@example.com")->status = Status::inactive;
  CHECK(resolve(strict, "joe@example.com") == "550 5.2.1");
  strict.directory.users["joe@example.com"]->status = Status::disabled;
  CHECK(resolve(strict, "joe@example.com") == "450 4.2.1");
}

TEST_CASE("forwarding: elsewhere, to another user, with a copy, in circles") {
  Site site;
  auto joe = site.directory.add_user("joe", "joe@example.com");
  auto sue = site.directory.add_user("sue", "sue@example.com");
  joe->delivery_options = {"forward"};
  joe->forwarding_addresses = {"joe@far.example"};
  CHECK(resolve(site, "joe@example.com") == "tcp_local:joe@far.example");
  CHECK(only(site, "joe@example.com").rewritten_channel == "l");
  joe->forwarding_addresses = {"sue@example.com", "joe@far.example"};
  CHECK(resolve(site, "joe@example.com") == "ims-ms:sue@ims-ms-daemon tcp_local:joe@far.example");
  // A host with a blank in it would be two words where hosts are told to programs.
  joe->forwarding_addresses = {"joe@[far example]"};
  CHECK(resolve(site, "joe@example.com") == "550 5.1.2");
  joe->delivery_options = {"mailbox", "forward"};
  CHECK(resolve(site, "joe@example.com") == "ims-ms:joe@ims-ms-daemon !5.1.2");
  joe->forwarding_addresses = {"joe@far.example"};
  CHECK(resolve(site, "joe@example.com") == "ims-ms:joe@ims-ms-daemon tcp_local:joe@far.example");
  joe->delivery_options = sue->delivery_options = {"forward"};
  joe->forwarding_addresses = {"sue@example.com"};
  sue->forwarding_addresses = {"joe@example.com"};
  CHECK(resolve(site, "joe@example.com") == "550 5.4.6");
  sue->delivery_options = {"mailbox", "forward"};
  CHECK(resolve(site, "joe@example.com") == "ims-ms:sue@ims-ms-daemon");
  joe->forwarding_addresses = {};
  CHECK(resolve(site, "joe@example.com") == "451 4.3.5");
  joe->forwarding_addresses = {"nobody@example.com"};
  CHECK(resolve(site, "joe@example.com") == "550 5.1.1");
  joe->delivery_options = {"mailbox", "autoreply"};
  CHECK(resolve(site, "joe@example.com") == "ims-ms:joe@ims-ms-daemon");
  joe->delivery_options = {"carrier-pigeon"};
  CHECK(resolve(site, "joe@example.com") == "451 4.3.5");
  joe->delivery_options = {"native"};
  CHECK(resolve(site, "joe@example.com").substr(0, 3) == "451");
}

TEST_CASE("mailHost, mailRoutingAddress, message limits") {
  Site site;
  auto joe = site.directory.add_user("joe", "joe@example.com");
  joe->mail_host = "MX1.example.com";  // a name of ours
  CHECK(resolve(site, "joe@example.com") == "ims-ms:joe@ims-ms-daemon");
  joe->mail_host = "store2.example.com";
  CHECK(resolve(site, "joe@example.com") == "tcp_local:@store2.example.com:joe@example.com");
  CHECK(only(site, "joe@example.com").host == "store2.example.com");
  joe->delivery_options = {"mailbox", "forward"};
  joe->forwarding_addresses = {"j@far.example"};
  CHECK(resolve(site, "joe@example.com") ==
        "tcp_local:@store2.example.com:joe@example.com tcp_local:j@far.example");
  joe->routing_address = "elsewhere@far.example";
  CHECK(resolve(site, "joe@example.com") == "tcp_local:elsewhere@far.example");
  joe->routing_address = joe->mail_host = "";
  joe->delivery_options = {"mailbox"};
  joe->message_max_blocks = 2;
  CHECK(resolve(site, "joe@example.com", "", 2048) == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "joe@example.com", "", 2049) == "552 5.2.3");
  site.directory.domains["example.com"]->message_max_blocks = 1;
  CHECK(resolve(site, "joe@example.com", "", 2048) == "ims-ms:joe@ims-ms-daemon");  // its own counts
  joe->message_max_blocks = {};
  CHECK(resolve(site, "joe@example.com", "", 1024) == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "joe@example.com", "", 1025) == "552 5.2.3");
}

TEST_CASE("groups: addresses, DNs, nested, in circles, with failures") {
  Site site;
  auto joe = site.directory.add_user("joe", "joe@example.com");
  auto sue = site.directory.add_user("sue", "sue@example.com");
  auto all = site.directory.add_group("all@example.com");
  auto inner = site.directory.add_group("inner@example.com");
  all->rfc822_members = {"far@far.example", "joe@example.com"};
  all->member_dns = {inner->dn, joe->dn};
  inner->member_dns = {sue->dn, all->dn};
  CHECK(resolve(site, "all@example.com") ==
        "tcp_local:far@far.example ims-ms:joe@ims-ms-daemon ims-ms:sue@ims-ms-daemon");
  CHECK(only(site, "joe@example.com").from_list == false);
  all->errors_to = "mailto:owner@example.com";
  inner->errors_to = "inner-owner@example.com";
  CHECK(resolve(site, "all@example.com") ==
        "tcp_local:far@far.example<owner@example.com ims-ms:joe@ims-ms-daemon<owner@example.com "
        "ims-ms:sue@ims-ms-daemon<inner-owner@example.com");
  all->errors_to = inner->errors_to = "";
  all->rfc822_members = {"nobody@example.com", "far@far.example"};
  all->member_dns = {"uid=gone,o=isp"};
  CHECK(resolve(site, "all@example.com") == "tcp_local:far@far.example !5.1.1 !5.1.1");
  all->rfc822_members = {"nobody@example.com"};
  CHECK(resolve(site, "all@example.com") == "550 5.1.1");
  all->rfc822_members = all->member_dns = {};
  CHECK(resolve(site, "all@example.com") == "550 5.2.4");
  all->member_urls = {"ldap:///o=isp??sub?(cn=x)"};
  site.directory.searches["ldap:///o=isp??sub?(cn=x)"] = {{"uid=sue", {{"mail", {"sue@example.com"}}}},
                                                          {"cn=y", {}}};
  CHECK(resolve(site, "all@example.com") == "ims-ms:sue@ims-ms-daemon");
  all->status = Status::inactive;
  CHECK(resolve(site, "all@example.com") == "450 4.2.1");
}

TEST_CASE("who may write to a group") {
  Site site;
  site.directory.add_user("joe", "joe@example.com", {"j@example.com"});
  auto group = site.directory.add_group("all@example.com");
  group->rfc822_members = {"m@far.example"};
  const std::string good = "tcp_local:m@far.example", bad = "550 5.7.1";
  const auto from = [&](const char* sender, const char* auth = "") {
    return resolve(site, "all@example.com", sender, 0, auth);
  };
  group->allowed_domains = {"*.example.com", "example.com"};
  CHECK(from("x@sub.example.com") == good);
  CHECK(from("x@far.x") == bad);
  group->allowed_domains = {};
  group->disallowed_domains = {"far.x"};
  CHECK(from("x@far.x") == bad);
  CHECK(from("x@ok.x") == good);
  group->disallowed_domains = {};
  group->allowed_broadcasters = {"mailto:boss@example.com", "uid=joe,o=example.com,o=isp"};
  CHECK(from("Boss@example.com") == good);
  CHECK(from("j@example.com") == good);
  CHECK(from("x@example.com") == bad);
  group->allowed_broadcasters = {};
  group->disallowed_broadcasters = {"spam@x.x"};
  CHECK(from("spam@x.x") == bad);
  group->disallowed_broadcasters = {};
  group->broadcaster_policy = {"auth_req"};
  CHECK(from("joe@example.com") == bad);
  CHECK(from("joe@example.com", "joe@example.com") == good);
  group->broadcaster_policy = {"password_required"};
  CHECK(from("joe@example.com", "joe@example.com") == bad);
  group->moderators = {"mailto:boss@far.example"};
  group->reject_action = "tomoderator";
  CHECK(from("joe@example.com") == "tcp_local:boss@far.example");
  group->broadcaster_policy = {};
  group->reject_action = "";
  group->message_max_bytes = 100;
  CHECK(resolve(site, "all@example.com", "a@b", 101) == "552 5.2.3");
  group->message_max_bytes.reset();
  group->allowed_domains = {"only.x"};
  group->reject_action = "";
  group->allowed_broadcasters = {"boss@example.com"};
  CHECK(from("boss@example.com") == bad);
  Site any(kSiteCnf, kSiteMappings, "", "OR_CLAUSES=1\n");
  any.directory.groups["all@example.com"] = group;
  CHECK(resolve(any, "all@example.com", "boss@example.com") == good);
  CHECK(resolve(any, "all@example.com", "x@example.com") == bad);
}

TEST_CASE("the aliases file: after the directory, bare on this host, loops, lists") {
  Site site(
      kSiteCnf, kSiteMappings,
      "postmaster: joe@example.com\nself: self@example.com\na: b\nb: a\nteam: joe, far@far.example, nobody\n"
      "joe: wrong@far.example\nplus+*: joe\nfull@hosted.example: joe@example.com\n");
  site.directory.add_user("joe", "joe@example.com");
  site.directory.add_domain("hosted.example");
  CHECK(resolve(site, "postmaster@example.com") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "Postmaster") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "postmaster@hosted.example") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "team@hosted.example") == "550 5.1.1");
  CHECK(resolve(site, "full@hosted.example") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "joe@example.com") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "team@example.com") == "ims-ms:joe@ims-ms-daemon tcp_local:far@far.example !5.1.1");
  CHECK(resolve(site, "plus+x@example.com") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "self@example.com") == "550 5.4.6");
  CHECK(resolve(site, "a@example.com") == "550 5.4.6");
}

TEST_CASE("ALIAS_DOMAINS: what the aliases file is asked for") {
  struct Row {
    const char *options, *address, *becomes;
  };
  const Row rows[] = {
      {"", "team@example.com", "tcp_local:bare@far.x"},
      {"", "full@hosted.example", "tcp_local:full@far.x"},
      {"", "who@hosted.example", "tcp_local:any@far.x"},
      {"", "who+sub@hosted.example", "tcp_local:sub@far.x"},
      {"", "team@hosted.example", "tcp_local:any@far.x"},
      {"", "postmaster@hosted.example", "tcp_local:any@far.x"},
      {"ALIAS_DOMAINS=1\n", "team@hosted.example", "tcp_local:bare@far.x"},
      {"ALIAS_DOMAINS=1\n", "full@hosted.example", "550 5.1.1"},
      {"ALIAS_DOMAINS=2\n", "full@hosted.example", "tcp_local:full@far.x"},
      {"ALIAS_DOMAINS=2\n", "who@hosted.example", "550 5.1.1"},
      {"ALIAS_DOMAINS=2\n", "team@hosted.example", "550 5.1.1"},
      {"ALIAS_DOMAINS=2\n", "postmaster@hosted.example", "tcp_local:post@far.x"},
      {"ALIAS_DOMAINS=3\n", "team@hosted.example", "tcp_local:bare@far.x"},
      {"ALIAS_DOMAINS=4\n", "who@hosted.example", "550 5.1.1"},
      {"ALIAS_DOMAINS=0\n", "team@example.com", "tcp_local:bare@far.x"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.options, row.address);
    Site site(kSiteCnf, kSiteMappings,
              "team: bare@far.x\npostmaster: post@far.x\nfull@hosted.example: full@far.x\n"
              "*@hosted.example: any@far.x\n*+*@hosted.example: sub@far.x\n",
              row.options);
    site.directory.add_domain("hosted.example");
    CHECK(resolve(site, row.address) == row.becomes);
  }
}

TEST_CASE("INCLUDE_CONNECTIONINFO: where a writer comes from, in the probes of a list") {
  const auto ask = [](const std::string& options, const std::string& parameters) {
    Site site(kSiteCnf,
              kSiteMappings +
                  std::string("WHO\n\n  TCP|a|25|b|1|SMTP/helo|news|boss@x|*  $Y\n  news|boss@x|*  $Yplain\n"
                              "PLAIN\n\n  news|boss@x|*  $Y\n"),
              "news: " + parameters + ", one@far.x\n", options);
    ResolveRequest request{"news@example.com", site.channel("tcp_local"), "boss@x"};
    request.connection = "TCP|a|25|b|1|SMTP/helo|";
    const auto outcome = resolve_recipient(site.lookup(), request);
    REQUIRE(outcome);
    return *outcome ? (*outcome)->recipients[0].address : (*outcome).error().status;
  };
  CHECK(ask("", "[AUTH_MAPPING] PLAIN") == "one@far.x");
  CHECK(ask("INCLUDE_CONNECTIONINFO=1\n", "[AUTH_MAPPING] PLAIN") == "5.7.1");
  CHECK(ask("INCLUDE_CONNECTIONINFO=1\n", "[AUTH_MAPPING] WHO") == "one@far.x");
  CHECK(ask("INCLUDE_CONNECTIONINFO=4\n", "[AUTH_MAPPING] PLAIN") == "one@far.x");
  CHECK(ask("INCLUDE_CONNECTIONINFO=4\n", "[CANT_MAPPING] PLAIN") == "one@far.x");
  CHECK(ask("INCLUDE_CONNECTIONINFO=2\n", "[MODERATOR_ADDRESS] mod@far.x, [MODERATOR_MAPPING] PLAIN") ==
        "mod@far.x");
}

TEST_CASE("lists of the aliases file: who may write, what is held, moderators") {
  const auto with = [](const std::string& parameters, const std::string& options = "") {
    auto site = std::make_unique<Site>(
        kSiteCnf, kSiteMappings + std::string("MAY_WRITE\n\n  news|boss@*|*  $Y\n"), "", options);
    site->sources.set_file("m", "one@far.example\n");
    site->sources.set_file("posters", "boss@example.com, *@friends.example\n");
    site->sources.set_file("aliases", "news: <m, " + parameters + "\n");
    auto parsed = MtaConfig::parse(site->sources);
    INFO((parsed ? "" : parsed.error().text));
    REQUIRE(parsed);
    site->config = *parsed;
    return site;
  };
  const auto from = [](Site& site, const std::string& sender, const std::string& auth = "",
                       std::uint64_t size = 0) {
    return resolve(site, "news@example.com", sender, size, auth);
  };
  const std::string good = "tcp_local:one@far.example", bad = "550 5.7.1", boss = "boss@example.com",
                    other = "x@far.x";
  auto site = with("[AUTH_LIST] posters, owner@example.com");
  CHECK(from(*site, boss) == good + "<owner@example.com");
  CHECK(from(*site, "Some@Friends.example") == good + "<owner@example.com");
  CHECK(from(*site, other) == bad);
  CHECK(from(*site, "") == bad);
  CHECK(from(*site, boss, other) == bad);  // who has logged in is who he is
  site = with("[CANT_LIST] posters");
  CHECK(from(*site, boss) == bad);
  CHECK(from(*site, other) == good);
  site = with("[SASL_AUTH_LIST] posters");
  CHECK(from(*site, boss) == bad);
  CHECK(from(*site, boss, boss) == good);
  site = with("[AUTH_USERNAME] *@example.com");
  CHECK(from(*site, boss) == bad);
  CHECK(from(*site, other, "any@example.com") == good);
  site = with("[CANT_CHANNEL] tcp_*");
  CHECK(from(*site, boss) == bad);
  site = with("[SASL_AUTH_CHANNEL] tcp_*");
  CHECK(from(*site, boss) == bad);
  CHECK(from(*site, boss, boss) == good);
  site = with("[SASL_CANT_CHANNEL] tcp_*");
  CHECK(from(*site, boss) == good);
  CHECK(from(*site, boss, boss) == bad);
  site = with("[SASL_AUTH_MAPPING] MAY_WRITE, [SASL_AUTH_USERNAME] *@example.com");
  CHECK(from(*site, boss) == bad);
  CHECK(from(*site, boss, boss) == good);
  CHECK(from(*site, boss, other) == bad);
  site = with("[SASL_MODERATOR_ADDRESS] mod@far.example, [SASL_MODERATOR_LIST] posters");
  CHECK(from(*site, "mod@far.example") == "tcp_local:mod@far.example");
  CHECK(from(*site, other, "mod@far.example") == good);
  CHECK(from(*site, boss) == "tcp_local:mod@far.example");
  CHECK(from(*site, boss, boss) == good);
  site = with("[AUTH_CHANNEL] tcp_local, [AUTH_MAPPING] MAY_WRITE");
  CHECK(from(*site, boss) == good);
  CHECK(from(*site, other) == bad);
  site = with("[AUTH_CHANNEL] tcp_auth, [AUTH_LIST] posters, [OR]");
  CHECK(from(*site, boss) == good);
  CHECK(from(*site, other) == bad);
  site = with("[AUTH_CHANNEL] tcp_auth, [AUTH_LIST] posters", "OR_CLAUSES=1\n");
  CHECK(from(*site, boss) == good);
  site = with("[AUTH_CHANNEL] tcp_auth, [AUTH_LIST] posters, [AND]", "OR_CLAUSES=1\n");
  CHECK(from(*site, boss) == bad);
  site = with("[BLOCKLIMIT] 2");
  CHECK(from(*site, other, "", 2048) == good);
  CHECK(from(*site, other, "", 2049) == "552 5.2.3");
  site = with(
      "[MODERATOR_ADDRESS] mod@far.example, [MODERATOR_LIST] posters, [ENVELOPE_FROM] owner@example.com");
  CHECK(from(*site, boss) == good + "<owner@example.com");
  CHECK(from(*site, "mod@far.example") == good + "<owner@example.com");
  CHECK(from(*site, other) == "tcp_local:mod@far.example");
  site = with("[AUTH_LIST] <ldap:///o=isp?mail?sub?(x)");
  site->directory.down = true;
  CHECK(from(*site, boss) == "451 4.4.3");

  site = with("[HOLD_LIST] posters, [NONEXPANDABLE]");
  const auto held = [&](const std::string& sender) {
    return (**resolve_recipient(site->lookup(), {"news@example.com", site->channel("tcp_local"), sender}))
        .recipients[0]
        .hold;
  };
  CHECK(held(boss));
  CHECK_FALSE(held(other));
  ResolveRequest expn{"news@example.com", site->channel("tcp_local")};
  expn.expand = true;
  const auto shown = resolve_recipient(site->lookup(), expn);
  REQUIRE(shown);
  REQUIRE_FALSE(*shown);
  CHECK(shown->error().status == "5.7.1");
}

TEST_CASE("a list that asks a mapping table that is not there is refused by cnbuild") {
  SourceSet set = Site().sources;
  set.set_file("m", "one@x\n");
  set.set_file("aliases", "news: <m, [CANT_MAPPING] NOSUCH\n");
  const auto parsed = MtaConfig::parse(set);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().text.find("asks the mapping table \"NOSUCH\"") != std::string::npos);
}

TEST_CASE("catch-all and smart host of a domain") {
  Site site;
  site.directory.add_user("joe", "joe@example.com");
  auto domain = site.directory.add_domain("hosted.example");
  domain->catchall_address = "joe@example.com";
  CHECK(resolve(site, "any@hosted.example") == "ims-ms:joe@ims-ms-daemon");
  domain->catchall_address = "any@hosted.example";
  CHECK(resolve(site, "any@hosted.example") == "550 5.1.1");
  domain->routing_smart_host = "old.example.com";
  CHECK(resolve(site, "any@hosted.example") == "tcp_local:@old.example.com:any@hosted.example");
}

TEST_CASE("directory down: always try again later") {
  Site site(kSiteCnf, kSiteMappings, "postmaster: x@far.example\n");
  auto group = site.directory.add_group("all@example.com");
  group->member_urls = {"ldap:///x"};
  site.directory.down = true;
  for (const auto* address :
       {"joe@example.com", "joe@mail.example.com", "joe@far.example", "postmaster@example.com"})
    CHECK(resolve(site, address) == "451 4.4.3");
  const Lookup without{*site.config, nullptr, Ask::may_block, nullptr};
  const auto outcome = resolve_recipient(without, {"joe@example.com", nullptr, "", "", 0, false});
  REQUIRE(outcome);
  CHECK(outcome->error().code == 451);
}

TEST_CASE("FORWARD mapping, viaaliasrequired") {
  Site site(kSiteCnf,
            std::string(kSiteMappings) +
                "\nFORWARD\n\n  old@far.example  new@far.example$Y\n  in@far.example  joe@example.com$Y$D\n");
  site.directory.add_user("joe", "joe@example.com");
  CHECK(resolve(site, "old@far.example") == "tcp_local:new@far.example");
  CHECK(resolve(site, "in@far.example") == "ims-ms:joe@ims-ms-daemon");
  Site closed(replace_all(kSiteCnf, "tcp_local smtp", "tcp_local viaaliasrequired smtp"), kSiteMappings,
              "out: x@far.example\n");
  CHECK(resolve(closed, "x@far.example") == "550 5.1.1");
  CHECK(resolve(closed, "out@example.com") == "tcp_local:x@far.example");
}

TEST_CASE("senders and header addresses: completion and reversal") {
  Site site(kSiteCnf, std::string(kSiteMappings) +
                          "\nREVERSE\n\n  *@inner.example.com  $0@example.com$Y\n  h@*  hh@$0$Y$H\n");
  auto joe = site.directory.add_user("joe", "Joe.Smith@example.com", {"joe@example.com", "eq@example.com"});
  joe->equivalent_addresses = {"eq@example.com"};
  const auto sender = [&](const char* address, bool submission = false) {
    const auto result =
        resolve_sender(site.lookup(), {address, site.channel("tcp_local"), "", "", 0, submission});
    if (!result || !*result) return std::string("refused ") + (result ? result->error().status : "");
    return **result;
  };
  CHECK(sender("") == "");
  CHECK(sender("joe@example.com") == "Joe.Smith@example.com");
  CHECK(sender("eq@example.com") == "eq@example.com");
  CHECK(sender("joe") == "Joe.Smith@example.com");
  CHECK(sender("joe", true) == "joe@submit.example");
  CHECK(sender("x@inner.example.com") == "x@example.com");
  CHECK(sender("h@far.example") == "h@far.example");
  CHECK(sender("a b") == "refused 5.1.7");
  const auto header = [&](const char* address, Pointing pointing) {
    return *resolve_header_address(site.lookup(), address, pointing, site.channel("tcp_local"), nullptr);
  };
  CHECK(header("joe@example.com", Pointing::backward) == "Joe.Smith@example.com");
  CHECK(header("joe@example.com", Pointing::forward) == "joe@example.com");
  CHECK(header("h@far.example", Pointing::backward) == "hh@far.example");
  CHECK(header("joe", Pointing::forward) == "joe@example.com");
  site.directory.down = true;
  CHECK(header("joe@example.com", Pointing::backward) == "joe@example.com");
  CHECK(sender("joe@example.com") == "joe@example.com");
}
