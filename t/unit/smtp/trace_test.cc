#include <catch2/catch.hpp>

#include "channels/tcp_smtp_client/commands.h"
#include "smtpd/received.h"

using namespace waxwing;

TEST_CASE("Received: says how the message came") {
  smtpd::TraceFacts facts;
  facts.helo = "client.test";
  facts.host_name = "real.test";
  facts.address = "2001:db8::1";
  facts.by = "mx.test";
  facts.queue_id = "ABC";
  facts.recipient = "u@x.test";
  CHECK(smtpd::with_protocol(facts) == "SMTP");
  facts.esmtp = true;
  CHECK(smtpd::with_protocol(facts) == "ESMTP");
  facts.tls_protocol = "TLSv1.3", facts.tls_cipher = "X", facts.tls_bits = 256;
  facts.authenticated = true;
  CHECK(smtpd::with_protocol(facts) == "ESMTPSA");
  const auto field = smtpd::received_field(facts);
  CHECK(field.starts_with("Received: from client.test (real.test [IPv6:2001:db8::1])\r\n\tby mx.test\r\n"));
  CHECK(field.find(
            "with ESMTPSA id ABC\r\n\t(using TLSv1.3 with cipher X (256 bits))\r\n\tfor <u@x.test>;\r\n\t") !=
        std::string::npos);
  facts.smtputf8 = true;
  CHECK(smtpd::with_protocol(facts) == "UTF8SMTPSA");
}

TEST_CASE("Received: tells what keywords of the channel add") {
  smtpd::TraceFacts facts;
  facts.helo = "c.test";
  facts.address = "192.0.2.1";
  facts.claimed_name = "claimed.test";
  facts.ident = "joe\r\nX: y";
  facts.sender = "old@x.test";
  const auto field = smtpd::received_field(facts);
  CHECK(field.starts_with("Received: from c.test (joeX:y@claimed.test (may be forged) [192.0.2.1])\r\n"));
  CHECK(field.find("\r\n\t(original envelope From old@x.test)") != std::string::npos);
}

TEST_CASE("nothing from outside starts a header line of its own") {
  smtpd::TraceFacts facts;
  facts.helo = "a\r\nX-Evil: 1";
  facts.host_name = "b)\r\n(c";
  facts.recipient = "r\r\nX-Evil: 2";
  const auto field = smtpd::received_field(facts);
  for (std::size_t at = 0; (at = field.find("\r\n", at)) != std::string::npos && at + 2 < field.size();
       at += 2)
    CHECK(field[at + 2] == '\t');
}

TEST_CASE("a Received: field has UTF-8 where the message may have it, and ASCII elsewhere") {
  smtpd::TraceFacts facts;
  facts.helo = "b\xC3\xBCro.test";
  CHECK(smtpd::received_field(facts).starts_with("Received: from b??ro.test\r\n"));
  facts.smtputf8 = true;
  CHECK(smtpd::received_field(facts).starts_with("Received: from b\xC3\xBCro.test\r\n"));
}

TEST_CASE("a host that greylists says when to come back") {
  using channels::smtp::greylisting_s;
  struct Row {
    const char* text;
    std::optional<std::int64_t> wait_s;
  };
  for (const Row& row :
       {Row{"Greylisted, please come back in 60 seconds", 60},
        Row{"4.7.1 Graylisting in action, try again in 5 minutes.", 300}, Row{"greylisted for 2 min", 120},
        Row{"Greylisted", 0}, Row{"greylisted: 1 second to go", 30},
        Row{"greylisted for 3000 minutes and 3600 minutes", 3600},
        Row{"greylisted -5 seconds 99999999999999999999 seconds", 0},
        Row{"mailbox busy, try again in 60 seconds", {}}, Row{"", {}}}) {
    INFO(row.text);
    CHECK(greylisting_s(row.text) == row.wait_s);
  }
}

TEST_CASE("limits of the peer are kept, and nonsense is none") {
  using namespace waxwing::channels::smtp;
  const auto features = parse_features("mx\nLIMITS MAILMAX=10 rcptmax=50 RCPTDOMAINMAX=1 OTHER=3");
  CHECK(features.most_messages == 10);
  CHECK(features.most_recipients == 50);
  CHECK(features.most_domains == 1);
  CHECK(parse_features("mx\nLIMITS RCPTMAX=x MAILMAX=99999999999 RCPTDOMAINMAX").most_recipients == 0);
  CHECK(parse_features("mx\nLIMITS MAILMAX=99999999999").most_messages == 0);
  mta::queue::Envelope envelope;
  for (const char* address : {"a@x.test", "b@X.test", "c@y.test", "d@x.test"})
    envelope.recipients.emplace_back().address = address;
  const std::vector<std::size_t> all{0, 1, 2, 3};
  CHECK(batch_size(envelope, all, 100, 0) == 4);
  CHECK(batch_size(envelope, all, 3, 0) == 3);
  CHECK(batch_size(envelope, all, 100, 1) == 2);
  CHECK(batch_size(envelope, all, 100, 2) == 4);
  CHECK(batch_size(envelope, {2, 3}, 100, 1) == 1);
  CHECK(batch_size(envelope, {}, 100, 1) == 0);
}

TEST_CASE("TLS all the way, and who submitted it, in MAIL") {
  using namespace waxwing::channels::smtp;
  mta::queue::Envelope envelope;
  envelope.sender = "a@b.test";
  CHECK(auth_parameter(envelope) == " AUTH=<>");
  envelope.submitter = "jo+e@b.test", envelope.require_tls = true;
  CHECK(auth_parameter(envelope) == " AUTH=jo+2Be@b.test");
  CHECK(missing_feature(envelope, {}, false).starts_with("5.7.30 "));
  const auto features = parse_features("mx\nREQUIRETLS");
  CHECK(missing_feature(envelope, features, false).empty());
  CHECK(mail_line(envelope, 5, "", features, false, 0) == "MAIL FROM:<a@b.test> REQUIRETLS");
}

TEST_CASE("time and priority go on where they are understood") {
  using namespace waxwing::channels::smtp;
  mta::queue::Envelope envelope;
  envelope.sender = "a@b.test", envelope.mt_priority = -3;
  envelope.deliver_by_ms = 100'000, envelope.by_trace = true;
  const auto features = parse_features("mx greets\nDELIVERBY 60\nMT-PRIORITY MIXER");
  const auto line = [&](std::int64_t now_ms) { return mail_line(envelope, 5, "", features, false, now_ms); };
  CHECK(line(40'500) == "MAIL FROM:<a@b.test> MT-PRIORITY=-3 BY=59;NT");
  CHECK(line(130'000) == "MAIL FROM:<a@b.test> MT-PRIORITY=-3 BY=-30;NT");
  CHECK(mail_line(envelope, 5, "", {}, false, 0) == "MAIL FROM:<a@b.test>");
  CHECK(missing_feature(envelope, {}, false).empty());
  CHECK(missing_feature(envelope, {}, true).starts_with("5.3.3 "));
  CHECK(missing_feature(envelope, features, true).empty());
  envelope.by_returns = true;
  CHECK(line(99'999) == "MAIL FROM:<a@b.test> MT-PRIORITY=-3 BY=1;RT");
  CHECK(missing_feature(envelope, {}, false).starts_with("5.3.3 "));
  CHECK(missing_feature(envelope, features, false).empty());
}

TEST_CASE("the client uses what the peer offers, and nothing else") {
  using namespace waxwing::channels::smtp;
  const auto features =
      parse_features("mx.test greets\nPIPELINING\nsize 1000\n8BITMIME\nDSN\nAUTH LOGIN plain\nX-OTHER a b");
  CHECK(features.pipelining);
  CHECK(features.size_limit == 1000);
  CHECK(features.auth_plain);
  CHECK_FALSE(features.starttls);
  CHECK_FALSE(parse_features("PIPELINING").pipelining);  // the first line is the greeting
  mta::queue::Envelope envelope;
  envelope.sender = "a@b.test", envelope.ret = "HDRS", envelope.envelope_id = "x y",
  envelope.body = "8BITMIME";
  CHECK(mail_line(envelope, 5, envelope.body, features, false, 0) ==
        "MAIL FROM:<a@b.test> SIZE=5 BODY=8BITMIME RET=HDRS ENVID=x+20y");
  CHECK(mail_line(envelope, 5, envelope.body, {}, true, 0) == "MAIL FROM:<a@b.test> SMTPUTF8");
  mta::queue::Recipient recipient;
  recipient.address = "@relay.test:u@x.test", recipient.notify = "NEVER",
  recipient.original = "rfc822;u+v@x.test";
  CHECK(rcpt_line(recipient, features, true) == "RCPT TO:<u@x.test> NOTIFY=NEVER ORCPT=rfc822;u+2Bv@x.test");
  CHECK(rcpt_line(recipient, {}, false) == "RCPT TO:<@relay.test:u@x.test>");
  CHECK(reply_text({550, "5.1.1", "no\nsuch user"}) == "5.1.1 550 no such user");
}
