#include "smtpd/burl_settings.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::smtpd;

TEST_CASE("servers that BURL takes messages from") {
  const auto hosts = parse_burl_hosts(
      "IMAP.example.com, store2=192.0.2.7,localhost=127.0.0.1:1143 v6=[2001:db8::1]:993 six=[::1]");
  REQUIRE(hosts);
  REQUIRE(hosts->size() == 5);
  const auto check = [&](std::size_t n, const char* name, const char* address, int port) {
    CHECK(hosts->at(n).name == name);
    CHECK(hosts->at(n).address == address);
    CHECK(hosts->at(n).port == port);
  };
  check(0, "imap.example.com", "", 143);
  check(1, "store2", "192.0.2.7", 143);
  check(2, "localhost", "127.0.0.1", 1143);
  check(3, "v6", "2001:db8::1", 993);
  check(4, "six", "::1", 143);
  CHECK(parse_burl_hosts("")->empty());
  CHECK(parse_burl_hosts(" , ")->empty());
  for (const char* bad : {"=127.0.0.1", "a b=c", "a=localhost:143", "a=127.0.0.1:0", "a=127.0.0.1:x",
                          "a=[::1", "a=[::1]143", "a=[::1]x:143", "a=1.2.3", "a/b", "a=[]:1"}) {
    INFO(bad);
    const auto parsed = parse_burl_hosts(bad);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().text.find("smtp.burl.hosts") != std::string::npos);
  }
}

TEST_CASE("only listed servers, at their port or the usual one") {
  BurlSettings settings;
  settings.hosts = *parse_burl_hosts("imap.example.com=192.0.2.7:1143");
  CHECK(settings.host("imap.example.com", 143));
  CHECK(settings.host("IMAP.example.com", 1143));
  CHECK_FALSE(settings.host("imap.example.com", 25));
  CHECK_FALSE(settings.host("192.0.2.7", 143));
  CHECK_FALSE(settings.host("example.com", 143));
  CHECK_FALSE(settings.host("", 143));
}
