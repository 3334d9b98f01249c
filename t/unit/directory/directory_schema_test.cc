// Schemas, and attributes by other names than the usual.
#include "t/unit/directory/populated.h"

using namespace waxwing;
using namespace waxwing::directory;

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
