#include "mta/protocol/command.h"

#include <catch2/catch.hpp>

#include "common/base/strings.h"
#include "mta/protocol/reply.h"

using namespace waxwing;
using namespace waxwing::mta::protocol;

TEST_CASE("verbs are found case-blind, arguments are trimmed") {
  CHECK(parse_command("ehlo  host ").verb == Verb::ehlo);
  CHECK(parse_command("ehlo  host ").argument == "host");
  CHECK(parse_command("MAIL FROM:<>").argument == "FROM:<>");
  CHECK(parse_command("QUIT").verb == Verb::quit);
  for (const char* line : {"", " ", "QUITX", "EHLO\x01", "XYZZY", "\0"})
    CHECK(parse_command(line).verb == Verb::unknown);
}

TEST_CASE("an HTTP request is known by its method") {
  for (const char* line : {"GET / HTTP/1.0", "POST /x HTTP/1.1", "post / http/1.1", "CONNECT a:25 HTTP/1.1",
                           "PRI * HTTP/2.0", "GET"})
    CHECK(is_http_request(line));
  for (const char* line : {"", "MAIL FROM:<get@post>", "NOOP GET", "GETX /", "Host: localhost"})
    CHECK_FALSE(is_http_request(line));
}

TEST_CASE("MAIL takes the documented parameters") {
  MailRules rules;
  rules.auth = true;
  const auto mail =
      parse_mail("FROM:<a@b.test> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=hdrs ENVID=x+2By AUTH=<>", rules);
  REQUIRE(mail);
  CHECK(mail->address == "a@b.test");
  CHECK(mail->options.size_bytes == 100);
  CHECK(mail->options.body_8bit);
  CHECK(mail->options.smtputf8);
  CHECK(mail->options.ret == "HDRS");
  CHECK(mail->options.envelope_id == "x+y");
  CHECK(mail->options.auth == "<>");
  CHECK(parse_mail("FROM:<>", rules)->address.empty());
  CHECK(parse_mail("from: <a@b.test>", rules)->address == "a@b.test");
  CHECK(parse_mail("FROM:<@x.test,@y.test:a@b.test>", rules)->address == "a@b.test");
}

TEST_CASE("hostile MAIL arguments are refused with the right code") {
  struct Row {
    const char* argument;
    int code;
  };
  MailRules rules;
  rules.size_limit = 1000;
  for (const Row row : {Row{"", 501},
                        Row{"FROM", 501},
                        Row{"FROM:", 501},
                        Row{"TO:<a@b>", 501},
                        Row{"FROM:<a@b", 501},
                        Row{"FROM:<a@b>SIZE=1", 501},
                        Row{"FROM:<a@b> SIZE=", 501},
                        Row{"FROM:<a@b> SIZE=-1", 501},
                        Row{"FROM:<a@b> SIZE=1e3", 501},
                        Row{"FROM:<a@b> SIZE=1001", 552},
                        Row{"FROM:<a@b> SIZE=99999999999999999999", 552},
                        Row{"FROM:<a@b> SIZE=999999999999999999999", 501},
                        Row{"FROM:<a@b> BODY=9BIT", 501},
                        Row{"FROM:<a@b> RET=FULL RET=FULL", 501},
                        Row{"FROM:<a@b> ENVID=+zz", 501},
                        Row{"FROM:<a@b> =x", 501},
                        Row{"FROM:<a@b> X=Y", 555},
                        Row{"FROM:<a@b> ENVID=a+0Db", 501},
                        Row{"FROM:<\xC3\xA9@b.test>", 501},
                        Row{"FROM:<a\rb@c.test>", 501}}) {
    INFO(row.argument);
    const auto mail = parse_mail(row.argument, rules);
    REQUIRE_FALSE(mail);
    CHECK(mail.error().code == row.code);
  }
  rules.extended = false;
  CHECK_FALSE(parse_mail("FROM:<a@b.test> SIZE=1", rules));
}

namespace {
constexpr std::int64_t kNow = 1'795'320'600'000;  // 2026-11-22T04:10:00Z
MailRules offering() {
  MailRules rules;
  rules.require_tls = true;
  rules.longest_hold_s = 3600, rules.shortest_by_s = 60, rules.mt_priority = true, rules.now_ms = kNow;
  return rules;
}
}  // namespace

TEST_CASE("a message can be held, have its time, and a priority") {
  const auto options = [](const std::string& parameters) {
    const auto mail = parse_mail("FROM:<a@b.test> " + parameters, offering());
    INFO(parameters);
    REQUIRE(mail);
    return mail->options;
  };
  CHECK(options("HOLDFOR=60").hold_until_ms == kNow + 60'000);
  CHECK(options("holdfor=60").future_release == "for;60");
  CHECK(options("HOLDUNTIL=2026-11-22T05:10:00.5+00:30").hold_until_ms == kNow + 1'800'000);
  CHECK(options("HOLDUNTIL=2026-11-22T04:40:00Z").future_release == "until;2026-11-22T04:40:00Z");
  CHECK(options("HOLDUNTIL=2026-11-22T04:09:00Z").hold_until_ms == 0);
  CHECK(options("BY=60;R").deliver_by_ms == kNow + 60'000);
  CHECK(options("BY=60;R").by_returns);
  CHECK_FALSE(options("BY=1;n").by_returns);
  CHECK(options("BY=-10;NT").deliver_by_ms == kNow - 10'000);
  CHECK(options("BY=-10;NT").by_trace);
  CHECK(options("MT-PRIORITY=-9").mt_priority == -9);
  CHECK(options("mt-priority=4").mt_priority == 4);
  CHECK_FALSE(options("SIZE=1").mt_priority);
  CHECK(options("requiretls").require_tls);
  CHECK_FALSE(options("SIZE=1").require_tls);
}

TEST_CASE("what is asked for wrongly, or not offered, is refused") {
  struct Row {
    const char* parameters;
    int code;
  };
  for (const Row row : {Row{"HOLDFOR", 501},
                        Row{"HOLDFOR=0", 501},
                        Row{"HOLDFOR=3601", 501},
                        Row{"HOLDFOR=1000000000", 501},
                        Row{"HOLDFOR=+1", 501},
                        Row{"HOLDFOR=1 HOLDFOR=1", 501},
                        Row{"HOLDFOR=1 HOLDUNTIL=2026-11-22T04:40:00Z", 501},
                        Row{"HOLDUNTIL=2026-11-22T05:10:01Z", 501},
                        Row{"HOLDUNTIL=2026-11-22", 501},
                        Row{"HOLDUNTIL=2026-02-30T00:00:00Z", 501},
                        Row{"HOLDUNTIL=2026-11-22T04:40:00", 501},
                        Row{"HOLDUNTIL=2026-11-22T04:40:00.Z", 501},
                        Row{"HOLDUNTIL=tomorrow", 501},
                        Row{"BY=60", 501},
                        Row{"BY=60;", 501},
                        Row{"BY=60;X", 501},
                        Row{"BY=60;RX", 501},
                        Row{"BY=60;RTT", 501},
                        Row{"BY=;R", 501},
                        Row{"BY=--1;N", 501},
                        Row{"BY=0;R", 501},
                        Row{"BY=-1;R", 501},
                        Row{"BY=59;R", 555},
                        Row{"BY=60;R BY=60;R", 501},
                        Row{"BY=60;R HOLDFOR=60", 501},
                        Row{"HOLDFOR=60 BY=60;R", 501},
                        Row{"REQUIRETLS=1", 501},
                        Row{"REQUIRETLS REQUIRETLS", 501},
                        Row{"MT-PRIORITY=10", 501},
                        Row{"MT-PRIORITY=-", 501},
                        Row{"MT-PRIORITY=+1", 501},
                        Row{"MT-PRIORITY", 501},
                        Row{"MT-PRIORITY=1 MT-PRIORITY=1", 501}}) {
    INFO(row.parameters);
    const auto mail = parse_mail(std::string("FROM:<a@b.test> ") + row.parameters, offering());
    REQUIRE_FALSE(mail);
    CHECK(mail.error().code == row.code);
    CHECK(parse_mail(std::string("FROM:<a@b.test> ") + row.parameters, {}).error().code == 555);
  }
}

TEST_CASE("RCPT takes NOTIFY and ORCPT") {
  const auto rcpt = parse_rcpt("TO:<u@x.test> NOTIFY=success,FAILURE ORCPT=rfc822;u+2Bv@x.test", {});
  REQUIRE(rcpt);
  CHECK(rcpt->options.notify == "SUCCESS,FAILURE");
  CHECK(rcpt->options.original == "rfc822;u+v@x.test");
  CHECK(parse_rcpt("TO:<postmaster>", {}));
  for (const char* bad :
       {"TO:<>", "TO:<u@x.test> NOTIFY=NEVER,FAILURE", "TO:<u@x.test> NOTIFY=", "TO:<u@x.test> ORCPT=a",
        "TO:<u@x.test> ORCPT=rfc822;a+0D", "TO:<u@x.test> ORCPT=\x01;a",
        "TO:<u@x.test> NOTIFY=NEVER NOTIFY=NEVER", "TO:u@x.test> "})
    CHECK_FALSE(parse_rcpt(bad, {}));
}

TEST_CASE("BDAT sizes are exact") {
  CHECK(parse_bdat("10")->size == 10);
  CHECK(parse_bdat("0 last")->last);
  for (const char* bad : {"", "x", "-1", "1 2", "1 LAST x", "18446744073709551616"})
    CHECK_FALSE(parse_bdat(bad));
}

TEST_CASE("BURL") {
  CHECK(parse_burl("imap://a@h/I/;UID=1")->url == "imap://a@h/I/;UID=1");
  CHECK_FALSE(parse_burl("imap://a@h/I/;UID=1")->last);
  CHECK(parse_burl("x  last")->last);
  for (const char* bad : {"", "x y", "x LAST y", "x LASTLY"}) CHECK_FALSE(parse_burl(bad));
}

TEST_CASE("no byte of a peer can begin a reply line") {
  CHECK(format_reply({250, "2.0.0", "a\r\nb"}) == "250-2.0.0 a?\r\n250 2.0.0 b\r\n");
  CHECK(format_reply({220, "", "hi"}) == "220 hi\r\n");
  CHECK(format_reply({220, "", "a\n"}) == "220-a\r\n220 \r\n");
}

TEST_CASE("a text that is longer than a line of a reply may be goes on in the next") {
  for (const std::size_t length : {499U, 500U, 501U, 502U, 1000U, 5000U}) {
    const auto reply =
        format_reply({550, "5.1.1", std::string(length, 'a') + "\n\xc3\xa4" + std::string(500, 'b')});
    INFO(length);
    std::string_view rest = reply;
    std::string text;
    ReplyReader reader;
    while (!rest.empty()) {
      const auto line = rest.substr(0, rest.find("\r\n"));
      CHECK(line.size() <= 510);
      REQUIRE(reader.feed(line));
      text += line.substr(10);
      rest.remove_prefix(line.size() + 2);
    }
    CHECK(text == std::string(length, 'a') + "\xc3\xa4" + std::string(500, 'b'));
  }
  std::string wide;
  for (int n = 0; n < 400; ++n) wide += "\xe2\x82\xac";
  const auto reply = format_reply({550, "5.1.1", wide});
  for (auto at = reply.find("\r\n"); at != reply.npos; at = reply.find("\r\n", at + 2))
    CHECK(static_cast<unsigned char>(reply[at - 1]) == 0xac);  // no character is cut
}

TEST_CASE("replies are collected and checked") {
  ReplyReader reader;
  CHECK(*reader.feed("250-one") == false);
  CHECK(*reader.feed("250 2.1.5 two") == true);
  const auto verdict = reader.take();
  CHECK(verdict.code == 250);
  CHECK(verdict.text == "one\n2.1.5 two");
  CHECK(*reader.feed("550 5.1.1 nobody") == true);
  CHECK(reader.take().status == "5.1.1");
  CHECK(*reader.feed("550 2.1.1 liar") == true);
  CHECK(reader.take().status == "5.0.0");
  for (const char* bad : {"", "2", "abc", "100 x", "600 x", "250x"}) CHECK_FALSE(ReplyReader().feed(bad));
  ReplyReader changing;
  REQUIRE(changing.feed("250-a"));
  CHECK_FALSE(changing.feed("550 b"));
}

TEST_CASE("a HELO name is one word of ASCII or UTF-8") {
  CHECK(parse_hello("client.test", 100) == "client.test");
  CHECK(parse_hello("[IPv6:::1]", 100) == "[IPv6:::1]");
  CHECK(parse_hello("b\xC3\xBCro.test", 100) == "b\xC3\xBCro.test");
  for (const char* bad : {"", "a b", "a\x1b", "a(b", "a\x9b\x85", "<a>"}) CHECK_FALSE(parse_hello(bad, 100));
}
