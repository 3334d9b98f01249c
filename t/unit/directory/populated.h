// A private slapd with users, a group and two domains in it, and a Directory over it.
#pragma once

#include <catch2/catch.hpp>

#include "common/directory/directory.h"
#include "t/unit/directory/private_slapd.h"

namespace waxwing::directory {

using waxwing::test::PrivateSlapd;

inline std::shared_ptr<Directory> open(Settings settings) {
  return Directory::open(std::move(settings)).value();
}

inline void populate(PrivateSlapd& slapd) {
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
  REQUIRE(editor.add({"o=xn--bcher-kva.test,o=isp",
                      {{"objectClass", {"organization", "sunManagedOrganization", "mailDomain"}},
                       {"o", {"xn--bcher-kva.test"}},
                       {"sunPreferredDomain", {"xn--bcher-kva.test"}}}}));
  REQUIRE(editor.add({"ou=People,o=xn--bcher-kva.test,o=isp",
                      {{"objectClass", {"organizationalUnit"}}, {"ou", {"People"}}}}));
  slapd.add_user("eva", {{"mail", {"eva@xn--bcher-kva.test"}}}, "o=xn--bcher-kva.test,o=isp");
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

}  // namespace waxwing::directory
