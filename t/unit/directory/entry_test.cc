#include "common/directory/entry.h"

#include <catch2/catch.hpp>

#include "common/directory/detail/parse.h"

using namespace waxwing;
using namespace waxwing::directory;

TEST_CASE("escape_filter leaves nothing that could widen a search") {
  CHECK(escape_filter("joe") == "joe");
  CHECK(escape_filter("*") == "\\2a");
  CHECK(escape_filter("a)(uid=*") == "a\\29\\28uid=\\2a");
  CHECK(escape_filter(std::string_view("\\\0 ", 3)) == "\\5c\\00\\20");
  CHECK(escape_filter("\xc3\xa4") == "\\c3\\a4");
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const auto safe = escape_filter(std::string_view(&c, 1));
    CHECK((safe.size() == 1 || safe.size() == 3));
    CHECK(safe.find_first_of("()*") == std::string::npos);
  }
}

TEST_CASE("escape_dn keeps a value in its place") {
  CHECK(escape_dn("joe") == "joe");
  CHECK(escape_dn("a,ou=x") == "a\\,ou\\=x");
  CHECK(escape_dn(" a ") == "\\ a\\ ");
  CHECK(escape_dn("#a#") == "\\#a#");
  CHECK(escape_dn("a\n") == "a\\0a");
}

TEST_CASE("DNs are compared as directories do") {
  CHECK(same_dn("uid=joe, ou=People ,o=ISP", "UID=Joe,ou=people,o=isp"));
  CHECK_FALSE(same_dn("uid=joe\\,ou=x,o=isp", "uid=joe,ou=x,o=isp"));
  CHECK(is_below("uid=joe,ou=People,o=isp", "o=isp"));
  CHECK(is_below("o=isp", "o=isp"));
  CHECK_FALSE(is_below("o=notisp", "o=isp"));
  CHECK_FALSE(is_below("uid=joe\\,o=isp", "o=isp"));
  CHECK(is_below("uid=joe\\\\,o=isp", "o=isp"));
  CHECK(parent_dn("uid=a\\,b, ou=c,o=d") == "ou=c,o=d");
  CHECK(parent_dn("o=d").empty());
}

TEST_CASE("fill_filter") {
  CHECK(fill_filter("(&(uid=%U)(x=%V)(y=%o)(z=%%))", {"a*", "d", "a*@d"}).value() ==
        "(&(uid=a\\2a)(x=d)(y=a\\2a@d)(z=%))");
  CHECK_FALSE(fill_filter("(uid=%u)", {}).has_value());
  CHECK_FALSE(fill_filter("(uid=%", {}).has_value());
}

TEST_CASE("a malformed entry is named with its attribute") {
  const auto domain = std::make_shared<const Domain>(Domain{.name = "example.test"});
  const auto text_of = [&](const char* attribute, const char* value) {
    const Entry entry{"uid=joe,o=isp", {{"uid", {"joe"}}, {attribute, {value}}}};
    const auto user = parse_user(entry, domain, "example.test");
    REQUIRE_FALSE(user.has_value());
    CHECK(user.error().fault == Fault::temporary);
    return user.error().text;
  };
  for (const auto& [attribute, value] : {std::pair{"mailQuota", "10M"},
                                         {"mailQuota", "-3"},
                                         {"mailMsgQuota", "x"},
                                         {"mailUserStatus", "sleeping"},
                                         {"inetUserStatus", "?"},
                                         {"mailMsgMaxBlocks", "-1"}}) {
    const auto text = text_of(attribute, value);
    CHECK(text.find("uid=joe,o=isp") != std::string::npos);
    CHECK(text.find(attribute) != std::string::npos);
  }
  CHECK_FALSE(parse_user({"cn=x", {{"cn", {"x"}}}}, domain, "").has_value());
  CHECK_FALSE(parse_user({"cn=x", {{"uid", {"../x"}}}}, domain, "").has_value());
}

TEST_CASE("a user's defaults, statuses and store name") {
  const auto domain =
      std::make_shared<const Domain>(Domain{.name = "example.test", .aliases = {"alias.test"}});
  const auto parse = [&](Entry entry, const char* home) {
    return parse_user(std::move(entry), domain, home).value();
  };
  const Entry plain{"uid=Joe",
                    {{"uid", {"Joe"}}, {"userPassword", {"x"}}, {"mailDeliveryOption", {"Forward"}}}};
  CHECK(parse(plain, "example.test").store_name == "joe");
  CHECK(parse(plain, "alias.test").store_name == "joe");
  CHECK(parse(plain, "other.test").store_name == "joe@example.test");
  CHECK(parse(plain, "").delivery_options == std::vector<std::string>{"forward"});
  CHECK(parse(plain, "").quota_bytes == kSystemDefault);
  CHECK(parse(plain, "").passwords == std::vector<std::string>{"x"});
  CHECK_FALSE(parse(plain, "").entry.has("userPassword"));
  const Entry both{"uid=a", {{"uid", {"a"}}, {"inetUserStatus", {"Deleted"}}, {"mailUserStatus", {"hold"}}}};
  CHECK(parse(both, "").status == Status::deleted);
  const Entry second{"uid=a", {{"uid", {"a"}}, {"inetUserStatus", {"active"}}, {"mailUserStatus", {"HOLD"}}}};
  CHECK(parse(second, "").status == Status::hold);
  CHECK(parse({"uid=a", {{"uid", {"a"}}}}, "").delivery_options == std::vector<std::string>{"mailbox"});
}
