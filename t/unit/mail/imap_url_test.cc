#include "common/mail/imap_url.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using mail::ImapUrl;
using mail::parse_imap_url;

namespace {
const std::string kToken = "91354a473744909de610943775f92038";
}

TEST_CASE("IMAP URLs of messages") {
  const auto url =
      parse_imap_url("imap://Ann%40example.test@IMAP.example.com:1143/Dr%C3%A4fts/x;UIDVALIDITY=7/;UID=12");
  REQUIRE(url);
  CHECK(url->user == "Ann@example.test");
  CHECK(url->host == "imap.example.com");
  CHECK(url->port == 1143);
  CHECK(url->mailbox ==
        "Dr\xc3\xa4"
        "fts/x");
  CHECK(url->uidvalidity == 7U);
  CHECK(url->uid == 12);
  CHECK(url->section.empty());
  CHECK_FALSE(url->partial);
  CHECK(url->access == ImapUrl::Access::none);
  CHECK(url->signed_bytes == 0);

  const auto plain = parse_imap_url("IMAP://[2001:db8::1]/INBOX/;uid=1");
  REQUIRE(plain);
  CHECK(plain->user.empty());
  CHECK(plain->host == "2001:db8::1");
  CHECK(plain->port == 143);
  CHECK(plain->mailbox == "INBOX");
  CHECK_FALSE(plain->uidvalidity);
  CHECK(parse_imap_url("imap://;AUTH=*@h/INBOX/;UID=1"));
  CHECK(parse_imap_url("imap://ann;AUTH=PLAIN@h/INBOX/;UID=1")->user == "ann");
}

TEST_CASE("parts of messages in IMAP URLs") {
  const auto part =
      parse_imap_url("imap://ann@h/a/b/;uid=20/;section=1.2.HEADER.FIELDS%20(To%20From)/;partial=5.10");
  REQUIRE(part);
  CHECK(part->mailbox == "a/b");
  CHECK(part->section == "1.2.HEADER.FIELDS (To From)");
  REQUIRE(part->partial);
  CHECK(part->partial->offset == 5);
  CHECK(part->partial->count == 10U);
  const auto rest = parse_imap_url("imap://ann@h/INBOX/;UID=20/;PARTIAL=0");
  REQUIRE(rest);
  REQUIRE(rest->partial);
  CHECK_FALSE(rest->partial->count);
}

TEST_CASE("authorization in IMAP URLs") {
  const std::string rump =
      "imap://ann@h/INBOX/;UID=20/;SECTION=1;EXPIRE=2026-11-22T04:10:00Z;URLAUTH=submit+bob%40example.test";
  const auto unsigned_url = parse_imap_url(rump);
  REQUIRE(unsigned_url);
  CHECK(unsigned_url->access == ImapUrl::Access::submit);
  CHECK(unsigned_url->access_user == "bob@example.test");
  CHECK(unsigned_url->expires == 1795320600);
  CHECK(unsigned_url->mechanism.empty());
  CHECK(unsigned_url->signed_part(rump) == rump);

  const auto text = rump + ":internal:" + kToken;
  const auto url = parse_imap_url(text);
  REQUIRE(url);
  CHECK(url->mechanism == "INTERNAL");
  CHECK(url->token == kToken);
  CHECK(url->signed_part(text) == rump);

  CHECK(parse_imap_url("imap://ann@h/I/;UID=1;URLAUTH=user+bob")->access == ImapUrl::Access::user);
  CHECK(parse_imap_url("imap://ann@h/I/;UID=1;URLAUTH=AuthUser")->access == ImapUrl::Access::authuser);
  CHECK(parse_imap_url("imap://ann@h/I/;UID=1;URLAUTH=anonymous:INTERNAL:" + kToken)->access ==
        ImapUrl::Access::anonymous);
}

TEST_CASE("what is no IMAP URL of a message") {
  const std::string rump = "imap://ann@h/I/;UID=1;URLAUTH=";
  const std::string bad[] = {
      "",
      "imap:",
      "imap://",
      "http://h/I/;UID=1",
      "imap:///I/;UID=1",
      "imap://h",
      "imap://h/",
      "imap://h/INBOX",
      "imap://h/INBOX?SUBJECT%20x",
      "imap://h/INBOX;UIDVALIDITY=1",
      "imap://h/INBOX;UIDVALIDITY=1;UID=1",
      "imap://h/;UID=1",
      "imap://h//;UID=1x",
      "imap://h/I/;UID=0",
      "imap://h/I/;UID=",
      "imap://h/I/;UID=4294967296",
      "imap://h/I/;UID=-1",
      "imap://h/I;UID=1",
      "imap://h/I/;UID=1/",
      "imap://h/I/;UID=1#x",
      "imap://h/I/;UID=1?x",
      "imap://h/I/;UID=1;SECTION=1",
      "imap://h/I/;UID=1/;SECTION=",
      "imap://h/I/;UID=1/;PARTIAL=1.0",
      "imap://h/I/;UID=1/;PARTIAL=x",
      "imap://h/I/;UID=1/;SECTION=1;PARTIAL=1",
      "imap://@h/I/;UID=1",
      "imap://ann;X=1@h/I/;UID=1",
      "imap://an n@h/I/;UID=1",
      "imap://a@b@h/I/;UID=1",
      "imap://h:/I/;UID=1",
      "imap://h:0/I/;UID=1",
      "imap://h:65536/I/;UID=1",
      "imap://h:1x/I/;UID=1",
      "imap://h%2f/I/;UID=1",
      "imap://h\\@other/I/;UID=1",
      "imap://[2001:db8::1/I/;UID=1",
      "imap://[h]/I/;UID=1",
      "imap://h/I J/;UID=1",
      "imap://h/I\"/;UID=1",
      "imap://h/%/;UID=1",
      "imap://h/%4/;UID=1",
      "imap://h/%4x/;UID=1",
      "imap://h/%00/;UID=1",
      "imap://h/%0d%0a/;UID=1",
      "imap://h/%7f/;UID=1",
      "imap://h/%ff/;UID=1",
      std::string("imap://h/\0/;UID=1", 17),
      "imap://h/\xc3\xa4/;UID=1",
      "imap://h/I/;UID=1;EXPIRE=2026-11-22T04:10:00Z",
      "imap://h/I/;UID=1;EXPIRE=tomorrow;URLAUTH=anonymous",
      rump,
      rump + "everybody",
      rump + "submit+",
      rump + "user+",
      rump + "submit+%00",
      rump + "anonymous:",
      rump + "anonymous:internal",
      rump + "anonymous:internal:",
      rump + "anonymous:internal:" + kToken.substr(1),
      rump + "anonymous:internal:" + std::string(257, 'a'),
      rump + "anonymous:internal:" + kToken + "g",
      rump + "anonymous:in ternal:" + kToken,
      rump + "anonymous::" + kToken,
      "imap://h/" + std::string(100'000, 'x') + "/;UID=1",
  };
  for (const auto& text : bad) {
    INFO(text.substr(0, 200));
    const auto url = parse_imap_url(text);
    CHECK_FALSE(url);
    if (!url) CHECK(url.error().fault == Fault::permanent);
  }
}
