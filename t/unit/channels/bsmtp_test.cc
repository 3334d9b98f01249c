#include <catch2/catch.hpp>

#include "channels/bsin/batch.h"
#include "channels/bsout/batch_writer.h"
#include "common/mail/mime.h"
#include "common/mail/transfer_coding.h"

using namespace waxwing;
using namespace waxwing::channels;

namespace {

const std::string kBegin = "EHLO here.example\r\nMAIL FROM:<a@x.test> BODY=8BITMIME ENVID=e+2B1 RET=HDRS\r\n";
const std::string kOne =
    kBegin +
    "RCPT TO:<b@y.test> NOTIFY=FAILURE ORCPT=rfc822;c+2Bd@y.test\r\nDATA\r\nSubject: s\r\n\r\n..dot\r\n.\r\n";

std::string fault(const std::string& text, const BatchLimits& limits = {}) {
  const auto parsed = parse_batch(text, limits);
  return parsed ? "" : parsed.error().text;
}

}  // namespace

TEST_CASE("batches: what is in them") {
  const auto parsed = parse_batch(kOne +
                                  "MAIL FROM:<>\r\nRCPT TO:<d@y.test>\r\nRSET\r\nNOOP\r\nMAIL FROM:<>\r\n"
                                  "RCPT TO:<d@y.test>\r\nRCPT TO:<e@y.test>\r\nDATA\r\n.\r\nQUIT\r\n\r\n");
  REQUIRE(parsed);
  REQUIRE(parsed->size() == 2);
  const auto& first = (*parsed)[0];
  CHECK(first.mail.address == "a@x.test");
  CHECK(first.mail.options.body_8bit);
  CHECK(first.mail.options.envelope_id == "e+1");
  REQUIRE(first.recipients.size() == 1);
  CHECK(first.recipients[0].options.original == "rfc822;c+d@y.test");
  CHECK(first.recipients[0].options.notify == "FAILURE");
  CHECK(first.data == "Subject: s\r\n\r\n..dot\r\n.\r\n");
  CHECK((*parsed)[1].mail.address.empty());
  CHECK((*parsed)[1].recipients.size() == 2);
  CHECK(parse_batch(kOne));  // QUIT is a courtesy
}

TEST_CASE("batches: what is malformed, with its line") {
  struct Case {
    std::string text, says;
  };
  const Case cases[] = {
      {"", "there is no transaction"},
      {"EHLO x\r\nQUIT\r\n", "there is no transaction"},
      {kOne + "QUIT\r\nMAIL FROM:<a@b.test>\r\n", "line 9 of the batch: there is text behind QUIT"},
      {kBegin + "MAIL FROM:<a@x.test>\r\n", "line 3 of the batch: MAIL inside a transaction"},
      {kBegin + "DATA\r\nx\r\n.\r\n", "line 3 of the batch: DATA without RCPT"},
      {"RCPT TO:<b@y.test>\r\n", "line 1 of the batch: RCPT outside a transaction"},
      {kBegin, "ends in the middle of a transaction"},
      {kBegin + "RCPT TO:<b@y.test>\r\nDATA\r\nno end\r\n",
       "ends in the middle of the message that begins here"},
      {kBegin + "RCPT TO:<b@y.test>\r\nDATA\r\nx\n.\nMAIL FROM:<evil@x.test>\r\n.\r\n",
       "has a bare CR or LF"},
      {"MAIL FROM:<a@x.test>\nRCPT TO:<b@y.test>\r\n",
       "line 1 of the batch: a line that does not end in CRLF"},
      {"MAIL FROM:nonsense\r\n", "line 1 of the batch: MAIL:"},
      {"MAIL FROM:<a@x.test> BODY=BINARYMIME\r\n", "BINARYMIME"},
      {"AUTH PLAIN x\r\n", "\"AUTH PLAIN x\" is no command of a batch"},
      {"BDAT 5 LAST\r\n", "is no command of a batch"},
      {std::string(20000, 'x'), "a command of more than 12288 bytes"},
      {kOne + kOne, ""},
  };
  for (const auto& each : cases) {
    INFO(each.text.substr(0, 200));
    const auto says = fault(each.text);
    CHECK((each.says.empty() ? says.empty() : says.find(each.says) != std::string::npos));
  }
  CHECK(fault(kOne + kOne, {.transactions = 1, .recipients = 10}).find("more than 1 transactions") !=
        std::string::npos);
  CHECK(fault(kOne + kOne, {.transactions = 9, .recipients = 1}).find("more than 1 recipients") !=
        std::string::npos);
}

TEST_CASE("a batch that is written is read as it was") {
  mta::queue::Envelope envelope;
  envelope.sender = "a@x.test";
  envelope.body = "8BITMIME";
  envelope.envelope_id = "id 1";
  envelope.ret = "FULL";
  for (const auto* address : {"b@y.test", "c@y.test", "d@y.test"}) {
    auto& recipient = envelope.recipients.emplace_back();
    recipient.address = address;
    recipient.original = "rfc822;o+" + std::string(address);
    recipient.notify = "NEVER";
  }
  std::string large = "Subject: x\r\n\r\n";
  for (int i = 0; i < 20'000; ++i)
    large += (i % 3 == 0 ? ".line " : "line ") + std::to_string(i) + "\xc3\xa4\r\n";
  const std::string messages[] = {"Subject: s\r\n\r\n.\r\n..\r\nno end", large, "\r\n"};
  std::vector<BatchItem> items;
  for (const auto& message : messages)
    items.push_back({transaction_commands(envelope, {0, 2}),
                     [&message, at = std::size_t{0}]() mutable -> Result<std::string> {
                       auto piece = message.substr(at, 1000);
                       at += piece.size();
                       return piece;
                     }});
  BatchWriter writer("Subject: batch\r\n", "host.example", std::move(items));
  std::string out;
  for (;;) {
    const auto piece = writer.next();
    REQUIRE(piece);
    if (piece->empty()) break;
    out += *piece;
  }
  const auto mime = mail::parse_mime(out);
  CHECK(mime.root().is("application", "batch-smtp"));
  const auto decoded = mail::decoded_part(mime, mime.root());
  CHECK(decoded.well_formed);
  const auto parsed = parse_batch(decoded.bytes);
  REQUIRE(parsed);
  REQUIRE(parsed->size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& each = (*parsed)[i];
    CHECK(each.mail.address == "a@x.test");
    CHECK(each.mail.options.envelope_id == "id 1");
    REQUIRE(each.recipients.size() == 2);
    CHECK(each.recipients[1].address == "d@y.test");
    CHECK(each.recipients[1].options.original == "rfc822;o+d@y.test");
    std::string text;
    mail::DataDecoder decoder(mail::DataDecoder::BareEnds::refuse);
    decoder.feed(each.data, text);
    CHECK(text == messages[i] + (messages[i].ends_with("\r\n") ? "" : "\r\n"));
  }
}
