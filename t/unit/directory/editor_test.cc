#include "common/directory/editor.h"

#include <catch2/catch.hpp>
#include <set>

#include "t/unit/directory/private_slapd.h"

using namespace waxwing;
using namespace waxwing::directory;
using waxwing::test::PrivateSlapd;

namespace {
Editor::NewEntry person(int number) {
  const auto uid = "u" + std::to_string(number);
  return {"uid=" + uid + ",ou=People,o=example.test,o=isp",
          {{"objectClass", {"inetOrgPerson", "inetMailUser", "inetLocalMailRecipient"}},
           {"uid", {uid}},
           {"cn", {uid}},
           {"sn", {uid}},
           {"mail", {uid + "@example.test"}}}};
}
}  // namespace

TEST_CASE("many entries at once, some of which are there already") {
  PrivateSlapd slapd;
  auto editor = slapd.editor();
  REQUIRE(editor.add(person(150)));
  std::vector<Editor::NewEntry> entries;
  for (int i = 0; i < 250; ++i) entries.push_back(person(i));
  std::set<std::size_t> good, bad;
  REQUIRE(editor.add_many(entries, [&](std::size_t index, const Result<>& outcome) {
    (outcome ? good : bad).insert(index);
    if (!outcome) CHECK(outcome.error().text.find("uid=u150,") != std::string::npos);
  }));
  CHECK(good.size() == 249);
  CHECK(bad == std::set<std::size_t>{150});
  CHECK(editor.search("o=isp", 2, "(objectClass=inetMailUser)", {"1.1"}).value().size() == 250);
}

TEST_CASE("changes, removals and their errors") {
  PrivateSlapd slapd;
  auto editor = slapd.editor();
  const std::string dn = person(1).dn;
  REQUIRE(editor.add(person(1)));
  const auto twice = editor.add(person(1));
  REQUIRE_FALSE(twice.has_value());
  CHECK(twice.error().fault == Fault::permanent);
  CHECK(twice.error().text.find(dn) != std::string::npos);
  REQUIRE(editor.modify(dn, {{Editor::Change::Kind::replace, "cn", {"a", "b"}},
                             {Editor::Change::Kind::add, "mailAlternateAddress", {"x@example.test"}}}));
  REQUIRE(editor.modify(dn, {{Editor::Change::Kind::remove, "cn", {"a"}},
                             {Editor::Change::Kind::replace, "mailAlternateAddress", {}}}));
  const auto entry = editor.search(dn, 0, "(objectClass=*)").value().at(0);
  CHECK(entry.values("cn") == std::vector<std::string>{"b"});
  CHECK_FALSE(entry.has("mailAlternateAddress"));
  CHECK_FALSE(editor.modify(dn, {{Editor::Change::Kind::add, "noSuchAttribute", {"x"}}}).has_value());
  CHECK_FALSE(editor.remove("uid=gone," + std::string(parent_dn(dn))).has_value());
  REQUIRE(editor.remove_tree("o=example.test,o=isp"));
  CHECK(editor.search("o=example.test,o=isp", 2, "(objectClass=*)").value().empty());
  CHECK(Editor::open(slapd.settings(), "cn=Directory Manager,o=isp", "wrong").error().fault ==
        Fault::permanent);
  slapd.stop();
  CHECK(editor.add(person(2)).error().fault == Fault::temporary);
}
