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

TEST_CASE("no byte of a peer can begin a reply line") {
  CHECK(format_reply({250, "2.0.0", "a\r\nb"}) == "250-2.0.0 a?\r\n250 2.0.0 b\r\n");
  CHECK(format_reply({220, "", "hi"}) == "220 hi\r\n");
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
