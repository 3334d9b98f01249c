#include "common/directory/directory.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "t/unit/directory/private_slapd.h"

using namespace waxwing;
using namespace waxwing::directory;
using waxwing::test::PrivateSlapd;

namespace {
std::shared_ptr<Directory> open(Settings settings) {
  return Directory::open(std::move(settings)).value();
}

void populate(PrivateSlapd& slapd) {
  auto editor = slapd.editor();
  REQUIRE(editor.modify("o=example.test,o=isp",
                        {{Editor::Change::Kind::add, "associatedDomain", {"alias.test"}}}));
  REQUIRE(editor.add({"o=other.test,o=isp",
                      {{"objectClass", {"organization", "sunManagedOrganization", "mailDomain"}},
                       {"o", {"other.test"}},
                       {"sunPreferredDomain", {"other.test"}}}}));
  REQUIRE(editor.add(
      {"ou=People,o=other.test,o=isp", {{"objectClass", {"organizationalUnit"}}, {"ou", {"People"}}}}));
  slapd.add_user("joe", {{"mailAlternateAddress", {"j.doe@example.test"}},
                         {"mailEquivalentAddress", {"doe@example.test"}},
                         {"userPassword", {"secret"}},
                         {"mailQuota", {"1000"}}});
  slapd.add_user("ann");
  slapd.add_user("joe", {{"mail", {"joe@other.test"}}}, "o=other.test,o=isp");
  slapd.add_user("broken", {{"mailQuota", {"much"}}});
  slapd.add_user("twin1", {{"mailAlternateAddress", {"twin@example.test"}}});
  slapd.add_user("twin2", {{"mailAlternateAddress", {"twin@example.test"}}});
  REQUIRE(editor.add({"cn=all,ou=Groups,o=example.test,o=isp",
                      {{"objectClass", {"groupOfURLs", "inetMailGroup", "inetLocalMailRecipient"}},
                       {"cn", {"all"}},
                       {"mail", {"all@example.test"}},
                       {"uniqueMember", {"uid=joe,ou=People,o=example.test,o=isp"}},
                       {"mgrpRFC822MailMember", {"x@elsewhere.test"}}}}));
}
}  // namespace

TEST_CASE("users by login") {
  PrivateSlapd slapd;
  populate(slapd);
  const auto directory = open(slapd.settings());
  const auto find = [&](std::string_view login) { return directory->user_by_login(login, Ask::may_block); };

  CHECK(is_would_block(directory->user_by_login("joe", Ask::cache_only).error()));
  const auto joe = find("joe").value();
  REQUIRE(joe);
  CHECK(joe->dn == "uid=joe,ou=People,o=example.test,o=isp");
  CHECK(joe->store_name == "joe");
  CHECK(joe->quota_bytes == 1000);
  CHECK(joe->passwords == std::vector<std::string>{"secret"});
  CHECK(directory->user_by_login("JOE", Ask::cache_only).value() == joe);
  CHECK(find("joe@example.test").value()->dn == joe->dn);
  CHECK(find("joe@Alias.Test").value()->dn == joe->dn);
  CHECK(find("joe@other.test").value()->store_name == "joe@other.test");
  CHECK(find("joe@nowhere.test").value() == nullptr);
  CHECK(find("nobody").value() == nullptr);
  // "No such user" is an answer that is kept.
  CHECK(directory->user_by_login("nobody", Ask::cache_only).value() == nullptr);

  for (const auto* attack :
       {"*", "j*", "joe)(uid=*", "*)(objectClass=*", "joe))(|(uid=*", "\\6aoe", "(", ")"})
    CHECK(find(attack).value() == nullptr);
  CHECK(find(std::string("joe\0", 4)).value() == nullptr);
  CHECK(find(std::string(100000, 'a')).value() == nullptr);
  CHECK(find("").value() == nullptr);
  CHECK(find("@example.test").value() == nullptr);

  const auto broken = find("broken");
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().fault == Fault::temporary);
  CHECK(broken.error().text.find("uid=broken,ou=People,o=example.test,o=isp") != std::string::npos);
  CHECK(broken.error().text.find("mailQuota") != std::string::npos);
}

TEST_CASE("no uid names the mailboxes of somebody in another domain") {
  PrivateSlapd slapd;
  populate(slapd);
  slapd.add_user("joe@other.test", {{"mail", {"thief@example.test"}}});
  slapd.add_user("kate@alias.test", {{"mail", {"kate@example.test"}}});
  const auto directory = open(slapd.settings());
  for (const auto* address : {"thief@example.test", "kate@example.test"}) {
    const auto found = directory->by_address(address, Ask::may_block);
    CHECK(found.has_value() == (std::string_view(address) == "kate@example.test"));
    if (found) CHECK((*found)->user->store_name == "kate@alias.test");
  }
  const auto thief = directory->user_by_login("joe@other.test@example.test", Ask::may_block);
  REQUIRE_FALSE(thief.has_value());
  CHECK(thief.error().text.find("uid") != std::string::npos);
  CHECK(directory->user_by_login("joe@other.test", Ask::may_block).value()->dn ==
        "uid=joe,ou=People,o=other.test,o=isp");
}

TEST_CASE("recipients by address, groups, DNs, domains and URLs") {
  PrivateSlapd slapd;
  populate(slapd);
  const auto directory = open(slapd.settings());
  const auto find = [&](std::string_view address) {
    return directory->by_address(address, Ask::may_block).value();
  };

  CHECK(find("JOE@example.test")->matched_by == MatchedBy::mail);
  CHECK(find("j.doe@example.test")->matched_by == MatchedBy::alternate);
  CHECK(find("doe@example.test")->matched_by == MatchedBy::equivalent);
  CHECK(find("doe@example.test")->user->uid == "joe");
  CHECK(find("joe@alias.test")->user->uid == "joe");
  CHECK(find("joe@other.test")->user->store_name == "joe@other.test");
  CHECK_FALSE(find("nobody@example.test")->found());
  CHECK(find("nobody@example.test")->domain->name == "example.test");
  CHECK(find("joe@elsewhere.test")->domain == nullptr);
  CHECK_FALSE(find("*@example.test")->found());
  CHECK_FALSE(find("@example.test")->found());
  CHECK_FALSE(find("@")->found());

  const auto twins = directory->by_address("twin@example.test", Ask::may_block);
  REQUIRE_FALSE(twins.has_value());
  CHECK(twins.error().text.find("uid=twin1") != std::string::npos);
  CHECK(twins.error().text.find("uid=twin2") != std::string::npos);

  const auto all = find("all@example.test");
  REQUIRE(all->group);
  CHECK(all->group->rfc822_members == std::vector<std::string>{"x@elsewhere.test"});
  const auto member = directory->by_dn(all->group->member_dns.at(0), Ask::may_block).value();
  CHECK(member->user->store_name == "joe");
  CHECK(member->matched_by == MatchedBy::dn);
  CHECK_FALSE(directory->by_dn("uid=gone,o=isp", Ask::may_block).value()->found());
  CHECK_FALSE(directory->by_dn("no dn", Ask::may_block).has_value());

  CHECK(directory->domain("ALIAS.test", Ask::may_block).value()->name == "example.test");
  CHECK(directory->domain("example.test", Ask::may_block).value()->aliases ==
        std::vector<std::string>{"alias.test"});
  CHECK(directory->domain("nowhere.test", Ask::may_block).value() == nullptr);

  const auto listed =
      directory->search("ldap:///o=isp?uid,userPassword?sub?(uid=joe)", Ask::may_block).value();
  CHECK(listed->size() == 2);
  for (const auto& entry : *listed) CHECK_FALSE(entry.has("userPassword"));
  const auto too_many = directory->search("ldap:///??sub?(uid=*)", Ask::may_block, 2);
  REQUIRE_FALSE(too_many.has_value());
  CHECK(too_many.error().fault == Fault::permanent);
  CHECK(directory->search("http://x", Ask::may_block).error().fault == Fault::permanent);
}

TEST_CASE("the cache: hits, expiry on demand, single flight") {
  PrivateSlapd slapd;
  populate(slapd);
  const auto directory = open(slapd.settings());
  const auto before = directory->counters().searches;
  slapd.freeze();
  std::vector<std::jthread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      const auto user = directory->user_by_login("joe", Ask::may_block);
      if (user && *user && (*user)->uid == "joe") ++right;
    });
  // All eight, and the first one's question for the domain, before slapd may answer.
  while (directory->counters().misses < 9) std::this_thread::yield();
  slapd.thaw();
  threads.clear();
  CHECK(right == 8);
  const auto after = directory->counters();
  CHECK(after.searches - before == 2);  // one for the domain, one for the user

  REQUIRE(slapd.editor().modify("uid=joe,ou=People,o=example.test,o=isp",
                                {{Editor::Change::Kind::replace, "cn", {"Joseph"}}}));
  CHECK(directory->user_by_login("joe", Ask::may_block).value()->common_name == "joe");
  CHECK_FALSE(directory->expire_user("joe"));  // younger than ten seconds: believed
  directory->flush();
  CHECK(directory->user_by_login("joe", Ask::may_block).value()->common_name == "Joseph");
}

TEST_CASE("the directory goes down and comes back") {
  PrivateSlapd slapd;
  populate(slapd);
  auto settings = slapd.settings();
  settings.cache_seconds = 0;  // every answer is old at once
  settings.negative_seconds = 0;
  const auto directory = open(settings);
  REQUIRE(directory->user_by_login("joe", Ask::may_block).value());
  REQUIRE(directory->user_by_login("nobody", Ask::may_block).value() == nullptr);

  slapd.stop(SIGKILL);
  const auto old = directory->user_by_login("joe", Ask::may_block);
  REQUIRE(old.has_value());
  CHECK((*old)->uid == "joe");
  CHECK(directory->user_by_login("nobody", Ask::may_block).value() == nullptr);
  const auto unknown = directory->user_by_login("ann", Ask::may_block);
  REQUIRE_FALSE(unknown.has_value());  // never "no such user"
  CHECK(unknown.error().fault == Fault::temporary);
  CHECK(unknown.error().text.find(slapd.url()) != std::string::npos);
  CHECK(directory->counters().stale > 0);

  slapd.start();
  const auto deadline = monotonic_ms() + 5000;
  auto back = directory->user_by_login("ann", Ask::may_block);
  while (!back && monotonic_ms() < deadline) back = directory->user_by_login("ann", Ask::may_block);
  REQUIRE(back.has_value());
  CHECK((*back)->uid == "ann");
}

TEST_CASE("a restarted directory is used without a visible error") {
  PrivateSlapd slapd;
  populate(slapd);
  const auto directory = open(slapd.settings());
  REQUIRE(directory->user_by_login("joe", Ask::may_block).value());
  slapd.stop();
  slapd.start();
  const auto ann = directory->user_by_login("ann", Ask::may_block);  // over a connection that is dead
  REQUIRE(ann.has_value());
  CHECK((*ann)->uid == "ann");
}

TEST_CASE("failover: dead, silent and refusing servers before a good one") {
  PrivateSlapd slapd, silent;
  populate(slapd);
  auto settings = slapd.settings();
  settings.connect_timeout_ms = 300;
  settings.search_timeout_ms = 2000;
  settings.urls = {"ldapi://%2Fnonexistent%2Fsocket", silent.url(), slapd.url()};
  silent.freeze();
  const auto directory = open(settings);
  const auto joe = directory->user_by_login("joe", Ask::may_block);
  REQUIRE(joe.has_value());
  CHECK((*joe)->uid == "joe");
  CHECK(directory->counters().failures >= 2);

  auto wrong = slapd.settings();
  wrong.bind_password = "wrong";
  const auto refused = open(wrong)->user_by_login("joe", Ask::may_block);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().fault == Fault::temporary);
  CHECK(refused.error().text.find("directory.bindpassword") != std::string::npos);
}

TEST_CASE("binds as a user") {
  PrivateSlapd slapd;
  populate(slapd);
  const auto directory = open(slapd.settings());
  const std::string joe = "uid=joe,ou=People,o=example.test,o=isp";
  CHECK(directory->verify_bind(joe, "secret").value());
  CHECK_FALSE(directory->verify_bind(joe, "wrong").value());
  CHECK_FALSE(directory->verify_bind(joe, "").value());
  CHECK_FALSE(directory->verify_bind("uid=nobody,o=isp", "x").value());
  slapd.stop(SIGKILL);
  CHECK(directory->verify_bind(joe, "secret").error().fault == Fault::temporary);
}

TEST_CASE("a search finds more addresses than one page holds, and caches none") {
  PrivateSlapd slapd;
  populate(slapd);
  auto editor = slapd.editor();
  constexpr int kMany = 1100;  // a page is 1000
  for (int i = 0; i < kMany; ++i) {
    const auto name = "p" + std::to_string(i);
    REQUIRE(editor.add(
        {"cn=" + name + ",ou=People,o=example.test,o=isp",
         {{"objectClass", {"person", "extensibleObject"}}, {"sn", {name}}, {"mail", {name + "@far.test"}}}}));
  }
  const auto directory = open(slapd.settings());
  const auto found = directory->search_addresses("ldap:///o=isp?mail?sub?(mail=p*@far.test)");
  REQUIRE(found.has_value());
  CHECK(std::ranges::count(*found, '\n') == kMany);
  CHECK(found->find("p1099@far.test\n") != std::string::npos);
  CHECK(directory->counters().cached == 0);
  CHECK(directory->search_addresses("ldap:///o=isp?mail?sub?(mail=nobody@*)").value().empty());
  CHECK_FALSE(directory->search_addresses("nonsense").has_value());
  slapd.stop(SIGKILL);
  CHECK(directory->search_addresses("ldap:///o=isp?mail?sub?(mail=p*)").error().fault == Fault::temporary);
}

TEST_CASE("Schema 1: domains in a DC tree") {
  PrivateSlapd slapd;
  populate(slapd);
  auto editor = slapd.editor();
  const auto node = [&](const std::string& dn, const char* label, Editor::Attributes more) {
    more.push_back({"dc", {label}});
    const auto added = editor.add({dn, std::move(more)});
    INFO((added ? "" : added.error().text));
    REQUIRE(added);
  };
  node("dc=test,o=isp", "test", {{"objectClass", {"domain"}}});
  node("dc=classic,dc=test,o=isp", "classic",
       {{"objectClass", {"domain", "inetDomain"}}, {"inetDomainBaseDN", {"o=example.test,o=isp"}}});
  node("dc=old,dc=test,o=isp", "old",
       {{"objectClass", {"alias", "extensibleObject", "inetDomainAlias"}},
        {"aliasedObjectName", {"dc=classic,dc=test,o=isp"}}});
  auto settings = slapd.settings();
  settings.schema = 1;
  settings.dc_root = "o=isp";
  settings.default_domain = "classic.test";
  const auto directory = open(settings);
  CHECK(directory->domain("classic.test", Ask::may_block).value()->base_dn == "o=example.test,o=isp");
  CHECK(directory->domain("nowhere.test", Ask::may_block).value() == nullptr);
  CHECK(directory->user_by_login("joe@old.test", Ask::may_block).value()->uid == "joe");
  CHECK(directory->user_by_login("joe", Ask::may_block).value()->store_name == "joe");

  // Who writes to an alias of a hosted domain reaches the same mailbox as who writes to the domain.
  settings.default_domain = "elsewhere.test";
  const auto hosted = open(settings);
  CHECK(hosted->domain("OLD.test", Ask::may_block).value()->name == "classic.test");
  for (const auto* address : {"joe@old.test", "joe@classic.test"})
    CHECK(hosted->user_by_login(address, Ask::may_block).value()->store_name == "joe@classic.test");
  const auto member = hosted->by_dn("uid=joe,ou=People,o=example.test,o=isp", Ask::may_block).value();
  REQUIRE(member->user);
  CHECK(member->user->domain->name == "classic.test");
  CHECK(hosted->domain("other.test", Ask::may_block).value() == nullptr);

  // Schema 2 in compatibility mode: a node of the DC tree goes before an organization.
  settings.schema = 2;
  settings.dc_tree_first = true;
  const auto both = open(settings);
  CHECK(both->domain("classic.test", Ask::may_block).value()->base_dn == "o=example.test,o=isp");
  CHECK(both->domain("old.test", Ask::may_block).value()->name == "classic.test");
  CHECK(both->domain("other.test", Ask::may_block).value()->base_dn == "o=other.test,o=isp");
}

TEST_CASE("a site's own names of attributes") {
  PrivateSlapd slapd;
  populate(slapd);
  slapd.add_user("odd", {{"mail", {"internal@example.test"}},
                         {"description", {"odd@example.test"}},
                         {"employeeNumber", {"2000"}},
                         {"mailQuota", {"1"}},
                         {"roomNumber", {"o1@example.test"}},
                         {"departmentNumber", {"o2@example.test"}}});
  auto settings = slapd.settings();
  settings.names.set("mail", {"description"});
  settings.names.set("mailQuota", {"employeeNumber"});
  settings.names.set("mailAlternateAddress", {"roomNumber", "departmentNumber"});
  const auto directory = open(settings);
  const auto find = [&](const char* address) {
    return directory->by_address(address, Ask::may_block).value();
  };
  const auto odd = find("odd@example.test");
  REQUIRE(odd->user);
  CHECK(odd->matched_by == MatchedBy::mail);
  CHECK(odd->user->mail == "odd@example.test");
  CHECK(odd->user->quota_bytes == 2000);
  for (const auto* alternate : {"o1@example.test", "o2@example.test"}) {
    REQUIRE(find(alternate)->user);
    CHECK(find(alternate)->matched_by == MatchedBy::alternate);
  }
  CHECK_FALSE(find("internal@example.test")->found());
  const auto members = directory->search_addresses("ldap:///??sub?(uid=odd)").value();
  CHECK(members == "odd@example.test\n");
}

// LDAP_... of option.dat set to nothing.
TEST_CASE("a site that has no attribute for something") {
  PrivateSlapd slapd;
  populate(slapd);
  slapd.add_user("far", {{"mail", {"far@elsewhere.test"}}, {"mailAlternateAddress", {"far@example.test"}}});
  auto settings = slapd.settings();
  const auto home_of_far = [&] {
    const auto found = open(settings)->by_dn("uid=far,ou=People,o=example.test,o=isp", Ask::may_block);
    return found && *found && (*found)->domain ? (*found)->domain->name : "";
  };
  CHECK(home_of_far() == "example.test");  // by the organization above it
  settings.names.set("sunPreferredDomain", {});
  CHECK(home_of_far().empty());
  settings.dc_tree_first = true;
  settings.names.set("inetDomainBaseDN", {});
  CHECK(home_of_far().empty());
  settings = slapd.settings();
  for (const auto* name : {"mail", "mailAlternateAddress", "mailEquivalentAddress"})
    settings.names.set(name, {});
  const auto directory = open(settings);
  CHECK_FALSE(directory->by_address("joe@example.test", Ask::may_block).value()->found());
  CHECK(directory->search_addresses("ldap:///??sub?(uid=joe)").value().empty());
}

TEST_CASE("a domain and its sub-domains") {
  PrivateSlapd slapd;
  populate(slapd);
  slapd.add_user("sub", {{"mailAlternateAddress", {"only@deep.down.example.test"}}});
  auto settings = slapd.settings();
  const auto found = [&](unsigned uplevel, const char* address) {
    settings.domain_uplevel = uplevel;
    return open(settings)->by_address(address, Ask::may_block).value()->found();
  };
  CHECK_FALSE(found(0, "only@deep.down.example.test"));
  CHECK(found(1, "only@deep.down.example.test"));
  CHECK_FALSE(found(1, "joe@down.example.test"));
  CHECK(found(3, "joe@down.example.test"));
  CHECK_FALSE(found(3, "joe@down.nowhere.test"));
  CHECK(found(0, "joe@alias.test"));
}

TEST_CASE("addresses are looked for where the site's URLs say") {
  PrivateSlapd slapd;
  populate(slapd);
  slapd.add_user("own", {{"mailAlternateAddress", {"me@vanity.test", "@catch.test"}}});
  slapd.add_user("also", {{"mailAlternateAddress", {"you@vanity.test"}}});
  auto settings = slapd.settings();
  settings.domain_match_url = "ldap:///$B?mail?sub?(mailAlternateAddress=*@$D)";
  SECTION("a vanity domain is one of ours, and has the users of others") {
    const auto directory = open(settings);
    const auto vanity = directory->domain("Vanity.test", Ask::may_block).value();
    REQUIRE(vanity);
    CHECK(vanity->vanity);  // two users have it, and one is all that is asked for
    CHECK(directory->domain("nobodys.test", Ask::may_block).value() == nullptr);
    const auto me = directory->by_address("me@vanity.test", Ask::may_block).value();
    REQUIRE(me->user);
    CHECK(me->user->store_name == "own");
    CHECK(me->user->domain->name == "example.test");
    CHECK(me->domain->vanity);
    CHECK_FALSE(directory->by_address("nobody@vanity.test", Ask::may_block).value()->found());
    // Not a place to log in: joe is somebody else's there.
    CHECK(directory->user_by_login("own@vanity.test", Ask::may_block).value() == nullptr);
    REQUIRE(directory->by_address("@catch.test", Ask::may_block).value()->user);
  }
  SECTION("one after the other, until something is found") {
    settings.alias_urls = {"ldap:///$V?*?sub?(&$K(mail=$A))", "ldap:///$1V?*?sub?(mailAlternateAddress=@$D)"};
    const auto directory = open(settings);
    CHECK(directory->by_address("own@example.test", Ask::may_block).value()->matched_by == MatchedBy::mail);
    CHECK_FALSE(directory->by_address("j.doe@example.test", Ask::may_block).value()->found());
    const auto caught = directory->by_address("anybody@catch.test", Ask::may_block).value();
    REQUIRE(caught->user);
    CHECK(caught->user->uid == "own");
    CHECK(caught->matched_by == MatchedBy::equivalent);
  }
  SECTION("an address as a whole, with what could widen a search") {
    settings.alias_urls = {"ldap:///$B?*?sub?(mail=$U@$D)"};
    const auto directory = open(settings);
    CHECK(directory->by_address("joe@example.test", Ask::may_block).value()->user);
    for (const auto* attack : {"*@example.test", "j*@example.test", "joe)(uid=*@example.test",
                               "x?y@example.test", "joe%29@example.test"})
      CHECK_FALSE(directory->by_address(attack, Ask::may_block).value()->found());
  }
  SECTION("a URL of the site for an address") {
    const auto directory = open(settings);
    const auto entries =
        directory->search_for("ldap:///$V?$N?sub?$Q", "doe@example.test", Ask::may_block).value();
    CHECK(entries->empty());  // an equivalent address, which $Q leaves alone
    const auto canonical =
        directory->search_for("ldap:///$V?$N?sub?$R", "joe@alias.test", Ask::may_block).value();
    REQUIRE(canonical->size() == 1);
    CHECK(canonical->front().first("mail") == "joe@example.test");
    CHECK(directory->search_for("ldap:///$V?$N?sub?$Q", "joe@far.test", Ask::may_block).value()->empty());
  }
  settings.alias_urls = {"ldap:///$Y?*?sub?$R"};
  CHECK(Directory::open(settings).error().text.find("$Y") != std::string::npos);
}

TEST_CASE("entries of older schemas") {
  PrivateSlapd slapd;
  populate(slapd);
  auto editor = slapd.editor();
  const std::string base = ",o=example.test,o=isp";
  REQUIRE(editor.add({"uid=old,ou=People" + base,
                      {{"objectClass", {"inetOrgPerson", "mailRecipient", "nsMessagingServerUser"}},
                       {"uid", {"old"}},
                       {"cn", {"old"}},
                       {"sn", {"old"}},
                       {"mail", {"old@example.test"}}}}));
  REQUIRE(editor.add({"cn=oldies,ou=Groups" + base,
                      {{"objectClass", {"groupOfURLs", "mailGroup"}},
                       {"cn", {"oldies"}},
                       {"mail", {"oldies@example.test"}},
                       {"mgrpRFC822MailMember", {"old@example.test"}}}}));
  auto settings = slapd.settings();
  const auto found = [&](const char* address) {
    return open(settings)->by_address(address, Ask::may_block).value();
  };
  CHECK_FALSE(found("old@example.test")->found());
  CHECK_FALSE(found("oldies@example.test")->found());
  settings.schema_tags = "ims50, nms41";
  REQUIRE(found("old@example.test")->user);
  REQUIRE(found("oldies@example.test")->group);
  CHECK(found("oldies@example.test")->group->rfc822_members.size() == 1);
  CHECK(found("joe@example.test")->user);
  settings.schema_tags = "ims2000";
  CHECK(Directory::open(settings).error().text.find("schematag") != std::string::npos);
}

TEST_CASE("bad settings are refused with the option's name") {
  CHECK_FALSE(Directory::open(Settings{}).has_value());
  CHECK(Directory::open(Settings{.urls = {"nonsense"}}).error().text.find("directory.urls") !=
        std::string::npos);
  CHECK(Directory::open(Settings{.urls = {"ldap://x"}, .schema = 3}).error().text.find("directory.schema") !=
        std::string::npos);
  CHECK(Directory::open(Settings{.urls = {"ldap://x"}, .user_filter = "(uid=%x)"})
            .error()
            .text.find("userfilter") != std::string::npos);
}

TEST_CASE("a hit is cheap", "[.][bench]") {
  PrivateSlapd slapd;
  populate(slapd);
  const auto directory = open(slapd.settings());
  REQUIRE(directory->user_by_login("joe", Ask::may_block));
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 1'000'000; ++i) (void)directory->user_by_login("joe", Ask::cache_only);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
  WARN("a cached lookup takes " << took.count() / 1e6 << " us");
}
