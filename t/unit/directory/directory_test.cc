#include <atomic>
#include <chrono>
#include <thread>

#include "t/unit/directory/populated.h"

using namespace waxwing;
using namespace waxwing::directory;

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
  CHECK(find("eva@xn--bcher-kva.test").value()->store_name == "eva@xn--bcher-kva.test");
  for (const auto* login : {"eva@bücher.test", "eva@BÜCHER.test", "eva@bücher.test"}) {
    INFO(login);
    REQUIRE(find(login).value());
    CHECK(find(login).value()->store_name == "eva@xn--bcher-kva.test");
    CHECK(directory->by_address(login, Ask::may_block).value()->user);
  }
  CHECK(find("eva@b\xC3.test").value() == nullptr);
  CHECK_FALSE(directory->by_address("eva@b\xC3.test", Ask::may_block).value()->domain);
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

TEST_CASE("how old an answer may be depends on what it is for") {
  PrivateSlapd slapd;
  populate(slapd);
  auto settings = slapd.settings();
  settings.login_seconds = 0;
  const auto directory = open(settings);
  const auto first = directory->user_by_login("joe", Ask::may_block).value();
  const auto before = directory->counters().searches;
  CHECK(directory->user_by_name("joe", Ask::cache_only).value() == first);  // a quota, say
  CHECK(directory->counters().searches == before);
  CHECK(is_would_block(directory->user_by_login("joe", Ask::cache_only).error()));
  CHECK(directory->user_by_login("joe", Ask::may_block));
  CHECK(directory->counters().searches == before + 1);
}

TEST_CASE("a user by DN: kept from his login by whatever name, believed as long as a login") {
  PrivateSlapd slapd;
  populate(slapd);
  auto settings = slapd.settings();
  settings.user_filter = "(&(objectClass=inetMailUser)(mail=%o))";  // his store name finds nobody
  settings.login_seconds = 0;
  const auto strict = open(settings);
  settings.login_seconds = 60;
  const auto directory = open(settings);
  const auto joe = directory->user_by_login("joe@example.test", Ask::may_block).value();
  REQUIRE(joe);
  const auto before = directory->counters().searches;
  CHECK(directory->user_by_dn(joe->dn, Ask::cache_only).value() == joe);
  CHECK(directory->known_user(joe->dn).fresh);
  CHECK_FALSE(directory->known_user("uid=nobody,o=isp").known);
  CHECK(directory->counters().searches == before);

  CHECK(strict->user_by_login("joe@example.test", Ask::may_block).value());
  CHECK(is_would_block(strict->user_by_dn(joe->dn, Ask::cache_only).error()));
  REQUIRE(slapd.editor().modify(joe->dn, {{Editor::Change::Kind::replace, "mailUserStatus", {"inactive"}}}));
  CHECK(strict->known_user(joe->dn).user->status == Status::active);
  CHECK(strict->user_by_dn(joe->dn, Ask::may_block).value()->status == Status::inactive);
  CHECK(strict->known_user(joe->dn).user->status == Status::inactive);
  CHECK_FALSE(strict->known_user(joe->dn).fresh);
  CHECK(strict->user_by_dn(joe->dn, Ask::may_block).value()->store_name == joe->store_name);
  REQUIRE(slapd.editor().remove(joe->dn));
  CHECK_FALSE(strict->user_by_dn(joe->dn, Ask::may_block).value());
  CHECK(strict->known_user(joe->dn).known);
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
