#include "tools/commadmin/arguments.h"

#include <catch2/catch.hpp>

using namespace waxwing::commadmin;

TEST_CASE("the command line") {
  const auto good =
      parse_arguments({"user", "create", "--uid=joe", "--alternate", "a@x", "--alternate", "b@x"}).value();
  CHECK(good.object == "user");
  CHECK(good.action == "create");
  CHECK(good.get("uid") == "joe");
  CHECK(good.all("alternate") == std::vector<std::string>{"a@x", "b@x"});
  CHECK_FALSE(good.has("mail"));
  CHECK(parse_arguments({"user", "modify", "joe", "--status", "hold"}).value().get("uid") == "joe");
  CHECK(parse_arguments({"group", "search", "all", "--json"}).value().get("name") == "all");

  using Words = std::vector<std::string>;
  for (const auto& words : {Words{}, Words{"user"}, Words{"robot", "create"}, Words{"user", "paint"},
                            Words{"user", "create", "a", "b"}, Words{"user", "create", "--bogus"},
                            Words{"user", "create", "--uid"}, Words{"user", "search", "--json=1"},
                            Words{"user", "create", "--json"}, Words{"domain", "create", "--uid", "x"},
                            Words{"user", "create", "joe", "--uid", "ann"}})
    CHECK_FALSE(parse_arguments(words).has_value());
}

TEST_CASE("patterns of many names") {
  CHECK(fill_pattern("user%04d", 7).value() == "user0007");
  CHECK(fill_pattern("user%04d", 12345).value() == "user12345");
  CHECK(fill_pattern("%d-x", 7).value() == "7-x");
  for (const auto* bad : {"user", "user%s", "%d%d", "%", "user%", "%04", "%9999d", "%n"})
    CHECK_FALSE(fill_pattern(bad, 1).has_value());
}

TEST_CASE("sizes") {
  CHECK(parse_size("100").value() == "100");
  CHECK(parse_size("10M").value() == "10485760");
  CHECK(parse_size("2g").value() == "2147483648");
  CHECK(parse_size("-1").value() == "-1");
  CHECK(parse_size("-2").value() == "-2");
  for (const auto* bad : {"", "M", "-3", "10X", "1.5G", "99999999999999999999", "9999999999T"})
    CHECK_FALSE(parse_size(bad).has_value());
}
