// Where the directory and option.dat send mail: routing hosts, smart hosts, detours, catch-alls, the order of sources.
#include "mta/address/resolve.h"
#include "t/unit/mta_address/fixture.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

std::string resolve(Site& site, const std::string& address, ResolveRequest request = {}) {
  request.address = address;
  request.envelope_from = "a@far.x";
  if (request.source == nullptr) request.source = site.channel("tcp_local");
  const auto outcome = resolve_recipient(site.lookup(), request);
  if (!outcome) return "error " + outcome.error().text;
  if (!*outcome) return std::to_string(outcome->error().code) + " " + outcome->error().status;
  std::string text;
  for (const auto& each : (*outcome)->recipients)
    text += (text.empty() ? "" : " ") + each.channel + ":" + each.address + (each.hold ? " held" : "");
  return text;
}

Site with_options(const std::string& options, const std::string& aliases = "",
                  const std::string& keywords = "") {
  return Site(replace_all(kSiteCnf, "tcp_local smtp", "tcp_local " + keywords + " smtp") +
                  "\nprocess_big\nprocess_big-daemon\n",
              kSiteMappings, aliases, options);
}

std::string error_of(const std::string& options) {
  SourceSet sources;
  sources.set_file("imta.cnf", kSiteCnf);
  sources.set_file("option.dat", options);
  sources.set_symbol("IMTA_HOST", "mail.example.com");
  const auto parsed = MtaConfig::parse(sources);
  return parsed ? "" : parsed.error().text;
}

}  // namespace

TEST_CASE("a domain that other hosts handle") {
  for (const bool route : {false, true}) {
    auto site = with_options(route ? "ROUTE_TO_ROUTING_HOST=1\n" : "");
    auto domain = site.directory.add_domain("moved.example");
    site.directory.add_user("joe", "joe@moved.example");
    domain->routing_hosts = {"two.example.com", "three.example.com"};
    CHECK(resolve(site, "joe@moved.example") ==
          (route ? "tcp_local:@two.example.com:joe@moved.example" : "tcp_local:joe@moved.example"));
    // A header never gets a route.
    CHECK(*resolve_header_address(site.lookup(), "joe@moved.example", Pointing::forward,
                                  site.channel("tcp_local"), nullptr) == "joe@moved.example");
    domain->routing_hosts.push_back("mail.example.com");
    CHECK(resolve(site, "joe@moved.example") == "ims-ms:joe%moved.example@ims-ms-daemon");
  }
}

TEST_CASE("who has no mailHost is with the smart host") {
  auto site = with_options("");
  auto joe = site.directory.add_user("joe", "joe@example.com");
  CHECK(resolve(site, "joe@example.com") == "ims-ms:joe@ims-ms-daemon");
  site.directory.domains["example.com"]->routing_smart_host = "old.example.com";
  CHECK(resolve(site, "joe@example.com") == "tcp_local:@old.example.com:joe@example.com");
  joe->mail_host = "mail.example.com";
  CHECK(resolve(site, "joe@example.com") == "ims-ms:joe@ims-ms-daemon");
}

TEST_CASE("an entry that takes what nobody in its domain has") {
  auto site = with_options("", "known: x@far.example\n");
  auto joe = site.directory.add_user("joe", "joe@example.com", {"@example.com"});
  CHECK(resolve(site, "anybody@example.com") == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "known@example.com") == "tcp_local:x@far.example");
  site.directory.domains["example.com"]->routing_smart_host = "old.example.com";
  joe->mail_host = "mail.example.com";
  CHECK(resolve(site, "anybody@example.com") == "ims-ms:joe@ims-ms-daemon");
  joe->status = directory::Status::inactive;
  CHECK(resolve(site, "anybody@example.com") == "450 4.2.1");
  site.directory.domains["example.com"]->status = directory::Status::deleted;
  CHECK(resolve(site, "anybody@example.com") == "550 5.1.1");
}

TEST_CASE("a way round by another host") {
  auto all = with_options("", "", "aliasdetourhost filter.example.com");
  auto joe = all.directory.add_user("joe", "joe@example.com");
  joe->delivery_options = {"forward"};
  joe->forwarding_addresses = {"x@far.example"};
  CHECK(resolve(all, "joe@example.com") == "tcp_local:@filter.example.com:joe@example.com");
  CHECK(resolve(all, "joe@example.com", {.source = all.channel("tcp_intranet")}) ==
        "tcp_local:x@far.example");
  CHECK(resolve(all, "nobody@example.com") == "550 5.1.1");
  joe->status = directory::Status::inactive;
  CHECK(resolve(all, "joe@example.com") == "450 4.2.1");
  auto some = with_options("", "", "aliasoptindetourhost filter.example.com");
  auto ann = some.directory.add_user("ann", "ann@example.com");
  auto group = some.directory.add_group("all@example.com");
  group->rfc822_members = {"ann@example.com"};
  CHECK(resolve(some, "ann@example.com") == "ims-ms:ann@ims-ms-daemon");
  ann->entry.attributes = {{"detourHostOptin", {"yes"}}};
  CHECK(resolve(some, "ann@example.com") == "tcp_local:@filter.example.com:ann@example.com");
  group->entry.attributes = {{"detourHostOptin", {"yes"}}};
  CHECK(resolve(some, "all@example.com") == "tcp_local:@filter.example.com:all@example.com");
}

TEST_CASE("ALIAS_MAGIC says which source comes first") {
  const auto* aliases = "joe: far@far.example\nonly: x@far.example\n";
  const auto answers = [&](const char* options) {
    auto site = with_options(options, aliases);
    site.directory.add_user("joe", "joe@example.com");
    return resolve(site, "joe@example.com") + " " + resolve(site, "only@example.com");
  };
  const std::string here = "ims-ms:joe@ims-ms-daemon ", there = "tcp_local:far@far.example ",
                    file = "tcp_local:x@far.example";
  CHECK(answers("") == here + file);
  CHECK(answers("ALIAS_MAGIC=46\n") == here + file);
  CHECK(answers("ALIAS_MAGIC=64\n") == there + file);
  CHECK(answers("ALIAS_MAGIC=6\n") == here + "550 5.1.1");
  CHECK(answers("ALIAS_MAGIC=4\n") == there + file);
  CHECK(error_of("ALIAS_MAGIC=746\n").find("ALIAS_MAGIC") != std::string::npos);
  CHECK(error_of("ALIAS_URL0=ldap:///$Y?*?sub?$R\n").find("$Y") != std::string::npos);
  CHECK(error_of("REVERSE_URL=mailto:x\n").find("no LDAP URL") != std::string::npos);
}

TEST_CASE("what option.dat says of the directory") {
  const auto settings = [](const std::string& options) {
    auto site = with_options(options);
    directory::Settings made;
    made.urls = {"ldap://given"};
    REQUIRE(apply_directory_options(site.config->options(), made));
    return made;
  };
  const auto usual = settings("");
  CHECK(usual.alias_urls.empty());
  CHECK(usual.names.empty());
  CHECK(usual.urls == std::vector<std::string>{"ldap://given"});
  const auto vanity = settings(
      "ALIAS_URL1=ldap:///$B?*?sub?(&(msgVanityDomain=$D)$R)\nDOMAIN_MATCH_URL=ldap:///$B??sub?(x=$D)\n");
  REQUIRE(vanity.alias_urls.size() == 2);
  CHECK(vanity.alias_urls[0] == "ldap:///$V?*?sub?$R");
  CHECK(vanity.domain_match_url == "ldap:///$B??sub?(x=$D)");
  const auto turned = settings("ALIAS_MAGIC=4679\nALIAS_URL3=ldap:///$B?*?sub?$R\n");
  REQUIRE(turned.alias_urls.size() == 2);
  CHECK(turned.alias_urls[0] == "ldap:///$B?*?sub?$R");
  const auto named = settings(
      "LDAP_MAILHOST=relayHost\nLDAP_GROUP_RFC822=rfc822member, other\nLDAP_DETOURHOST_OPTIN=viaFilter\n");
  CHECK(named.names.theirs("mailHost") == std::vector<std::string>{"relayHost"});
  CHECK(named.names.theirs("mgrpRFC822MailMember") == std::vector<std::string>{"rfc822member", "other"});
  CHECK(named.names.theirs("detourHostOptin") == std::vector<std::string>{"viaFilter"});
  CHECK(named.names.theirs("mail") == std::vector<std::string>{"mail"});
  const auto server =
      settings("LDAP_HOST=one two:1389\nLDAP_PORT=390\nLDAP_TIMEOUT=300\nLDAP_SCHEMALEVEL=1\n");
  CHECK(server.urls == std::vector<std::string>{"ldap://one:390", "ldap://two:1389"});
  CHECK(server.search_timeout_ms == 3000);
  CHECK(server.schema == 1);
}

TEST_CASE("recipients beyond expandlimit, and options that wait, are left to process") {
  auto site = with_options(
      "DELIVERY_OPTIONS=*mailbox=$M@ims-ms-daemon,&members=*,&@members_offline=*,$later=$M@ims-ms-daemon,"
      "/*kept=$M@ims-ms-daemon,program=$M%$P@hold-daemon\n",
      "", "expandchannel process_big");
  auto joe = site.directory.add_user("joe", "joe@example.com");
  auto group = site.directory.add_group("all@example.com");
  group->rfc822_members = {"x@far.example"};
  const ResolveRequest usual{.lists = Lists::defer};
  ResolveRequest over{.lists = Lists::defer};
  over.postpone = true;
  CHECK(resolve(site, "joe@example.com", usual) == "ims-ms:joe@ims-ms-daemon");
  CHECK(resolve(site, "joe@example.com", over) == "process_big:joe@example.com");
  CHECK(resolve(site, "all@example.com", over) == "process_big:all@example.com");
  CHECK(resolve(site, "x@far.example", over) == "tcp_local:x@far.example");
  CHECK(resolve(site, "nobody@example.com", over) == "550 5.1.1");
  CHECK(resolve(site, "all@example.com", usual) == "tcp_local:x@far.example");
  group->delivery_options = {"members_offline"};
  CHECK(resolve(site, "all@example.com", usual) == "process:all@example.com");
  joe->delivery_options = {"later"};
  CHECK(resolve(site, "joe@example.com", usual) == "process:joe@example.com");
  CHECK(resolve(site, "joe@example.com") == "ims-ms:joe@ims-ms-daemon");
  joe->delivery_options = {"kept"};
  CHECK(resolve(site, "joe@example.com") == "ims-ms:joe@ims-ms-daemon held");
  joe->delivery_options = {"program"};
  joe->program_delivery = {"one", "two"};
  CHECK(resolve(site, "joe@example.com") == "hold:joe%one@hold-daemon hold:joe%two@hold-daemon");
}

TEST_CASE("who may see the members of a group") {
  const auto shown = [](const char* options, std::optional<bool> expandable, const char* visibility,
                        const char* auth = "") {
    auto site = with_options(options);
    auto group = site.directory.add_group("all@example.com");
    group->rfc822_members = {"x@far.example"};
    group->expandable = expandable;
    group->member_visibility = visibility;
    ResolveRequest request;
    request.expand = true;
    request.auth_sender = auth;
    return resolve(site, "all@example.com", request) == "tcp_local:x@far.example";
  };
  CHECK(shown("", std::nullopt, ""));
  CHECK_FALSE(shown("EXPANDABLE_DEFAULT=0\n", std::nullopt, ""));
  CHECK(shown("EXPANDABLE_DEFAULT=0\n", true, ""));
  CHECK_FALSE(shown("", false, "anyone"));
  CHECK(shown("EXPANDABLE_DEFAULT=0\n", std::nullopt, "anyone"));
  CHECK_FALSE(shown("", std::nullopt, "none"));
  CHECK_FALSE(shown("", std::nullopt, "all"));
  CHECK(shown("", std::nullopt, "all", "joe@example.com"));
}

TEST_CASE("reversal by a URL of the site, and of addresses that point forward") {
  auto site = with_options("REVERSE_URL=ldap:///$V?cn?sub?(alias=$A)\nUSE_REVERSE_DATABASE=5\n");
  site.directory.add_user("joe", "joe@example.com", {"j@example.com"});
  site.directory.searches["ldap:///$V?cn?sub?(alias=j@example.com)"] = {
      {"cn=x", {{"cn", {"Joe@example.com"}}}}, {"cn=y", {{"cn", {"other@example.com"}}}}};
  const auto header = [&](const char* address, Pointing pointing) {
    return *resolve_header_address(site.lookup(), address, pointing, site.channel("tcp_local"), nullptr);
  };
  CHECK(header("j@example.com", Pointing::backward) == "Joe@example.com");
  CHECK(header("j@example.com", Pointing::forward) == "Joe@example.com");
  CHECK(header("x@example.com", Pointing::backward) == "x@example.com");
  site.directory.down = true;
  CHECK(header("j@example.com", Pointing::backward) == "j@example.com");
}
