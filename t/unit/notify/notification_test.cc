#include "mta/notify/notification.h"
#include "mta/notify/language.h"
#include "mta/notify/notifier.h"
#include "mta/notify/storm.h"

#include <stdlib.h>
#include <catch2/catch.hpp>

#include "common/base/file.h"
#include "common/base/strings.h"

using namespace waxwing;
using namespace waxwing::mta;
using namespace waxwing::mta::notify;

namespace {

struct Case {
  queue::Envelope envelope;
  std::vector<std::string> problems;
  Templates templates = Templates::load("etc/config/locale/C", problems);
  Notice notice;

  Case() {
    envelope.sender = "a@example.test";
    envelope.arrival_ms = 1'795'000'000'000;
    envelope.envelope_id = "ENV1";
    queue::Recipient recipient;
    recipient.address = "final@other.test";
    recipient.original = "rfc822;alias@example.test";
    recipient.host = "other.test";
    recipient.progress.attempts = 3;
    recipient.progress.last_attempt_ms = 1'795'000'100'000;
    envelope.recipients = {recipient, recipient};
    envelope.recipients[1].address = "second@other.test";
    notice.envelope = &envelope;
    notice.original_header =
        "Message-ID: <m@x>\r\nSubject: =?utf-8?q?x?=\r\n\tfolded\r\nX-Secret: no\r\n\r\n";
    notice.to = envelope.sender;
    notice.reporting_mta = "mail.example.test";
    notice.postmaster = "postmaster@example.test";
    notice.personal = "Internet \"Mail\" Delivery";
    notice.now_ms = envelope.arrival_ms + 3 * 86'400'000LL;
    notice.return_at_ms = envelope.arrival_ms + 12 * 86'400'000LL;
    notice.outcomes.push_back(
        {&envelope.recipients[0], Action::failed, "5.1.1 550 5.1.1 no such user", "mx.other.test"});
  }
  std::string text() const {
    const auto made = make_notice(notice, templates, "BOUND");
    return made.head + notice.original_header + made.tail;
  }
  bool has(const std::string& what) const { return text().find(what) != std::string::npos; }
};

}  // namespace

TEST_CASE("the shipped texts are all there") {
  Case one;
  CHECK(one.problems.empty());
}

TEST_CASE("a failure is reported as RFC 3464 wants it") {
  Case one;
  for (
      const char* part :
      {"\r\nTo: a@example.test\r\n", "From: \"Internet \\\"Mail\\\" Delivery\" <postmaster@example.test>\r\n",
       "Auto-Submitted: auto-replied\r\n",
       "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"BOUND\"",
       "Content-Type: message/delivery-status\r\n\r\nOriginal-Envelope-Id: ENV1\r\nReporting-MTA: "
       "dns;mail.example.test\r\n",
       "\r\n\r\nOriginal-Recipient: rfc822;alias@example.test\r\nFinal-Recipient: rfc822;final@other.test\r\n"
       "Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns;mx.other.test\r\n"
       "Diagnostic-Code: smtp;550 5.1.1 no such user\r\nLast-Attempt-Date: ",
       "Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <m@x>", "\r\n--BOUND--\r\n",
       "  Recipient address: alias@example.test", "  Attempts: 3\r\n", "  Subject: "}) {
    INFO(part);
    CHECK(one.has(part));
  }
  CHECK_FALSE(one.has("Will-Retry-Until"));
  CHECK_FALSE(one.has("  X-Secret"));
  one.notice.full_content = true;
  CHECK(one.has("Content-Type: message/rfc822\r\n"));
}

TEST_CASE("no line ends in anything but CRLF") {
  Case one;
  const auto text = one.text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') CHECK((i > 0 && text[i - 1] == '\r'));
    if (text[i] == '\r') CHECK((i + 1 < text.size() && text[i + 1] == '\n'));
  }
}

TEST_CASE("delays say until when it is tried, in the units of the notices keyword") {
  Case one;
  one.notice.outcomes[0].action = Action::delayed;
  one.notice.outcomes[0].text = "4.4.1 connection refused";
  CHECK(one.has("Subject: Delivery Notification: Delivery has been delayed\r\n"));
  CHECK(one.has("Action: delayed\r\nStatus: 4.4.1\r\n"));
  CHECK(one.has("Diagnostic-Code: X-Waxwing;connection refused\r\n"));
  CHECK(one.has("Will-Retry-Until: "));
  CHECK(one.has("waiting for 3 days"));
  CHECK(one.has("for 9 more days"));
  one.notice.unit_seconds = 3600;
  CHECK(one.has("waiting for 72 hours"));
}

TEST_CASE("successes tell delivered from relayed") {
  Case one;
  one.notice.outcomes[0] = {&one.envelope.recipients[0], Action::delivered, "2.1.5 ok", ""};
  one.notice.outcomes.push_back({&one.envelope.recipients[1], Action::relayed, "250 ok", "mx.other.test"});
  CHECK(one.has("Action: delivered\r\nStatus: 2.1.5\r\n"));
  CHECK(one.has("Action: relayed\r\nStatus: 2.0.0\r\n"));
  CHECK_FALSE(one.has("Last-Attempt-Date"));
}

TEST_CASE("the personal name may be of any language, and may be long") {
  Case one;
  one.notice.personal = "Zustellung f\xC3\xBCr alle";
  CHECK(one.has("From: =?UTF-8?Q?Zustellung_f=C3=BCr_alle?= <postmaster@example.test>\r\n"));
  one.notice.personal = "";
  CHECK(one.has("From: <postmaster@example.test>\r\n"));
  for (int n = 0; n < 200; ++n) one.notice.personal += "\xC3\xBC\r\nX: ";
  const auto text = one.text();
  CHECK(text.find("\r\nX:") == std::string::npos);
  std::string_view rest = text;
  while (!rest.empty()) CHECK(take_until(rest, '\n').size() <= 998);
}

TEST_CASE("what a remote host says adds no field and no line") {
  Case one;
  one.notice.outcomes[0].text = "5.0.0 550 bad\r\nStatus: 2.0.0\r\nBcc: x@y\x01" + std::string(5000, 'z');
  one.notice.outcomes[0].remote_mta = "evil\r\nX: y";
  const auto text = one.text();
  CHECK(text.find("\r\nBcc:") == std::string::npos);
  CHECK(text.find("\r\nX: y") == std::string::npos);
  CHECK(text.find('\x01') == std::string::npos);
  std::string_view rest = text;
  while (!rest.empty()) CHECK(take_until(rest, '\n').size() <= 998);
}

TEST_CASE("suppressfinal hides the address behind an alias") {
  Case one;
  one.notice.suppress_final = true;
  CHECK_FALSE(one.has("final@other.test"));
  CHECK(one.has("Final-Recipient: rfc822;alias@example.test"));
}

TEST_CASE("useintermediate tells the address between alias and final one") {
  Case one;
  one.notice.use_intermediate = true;
  one.envelope.recipients[0].intermediate = "between@example.test";
  CHECK_FALSE(one.has("Final-Recipient: rfc822;final@other.test"));
  CHECK(one.has("Final-Recipient: rfc822;between@example.test"));
  one.envelope.recipients[0].intermediate.clear();
  CHECK(one.has("Final-Recipient: rfc822;final@other.test"));
}

TEST_CASE("UTF-8 addresses make it the international form of RFC 6533") {
  Case one;
  one.envelope.smtputf8 = true;
  one.envelope.recipients[0].address = "j\xC3\xB6rg@other.test";
  const auto made = make_notice(one.notice, one.templates, "B");
  CHECK(made.utf8);
  CHECK(made.head.find("message/global-delivery-status") != std::string::npos);
  CHECK(made.head.find("Final-Recipient: utf-8;j\xC3\xB6rg@other.test") != std::string::npos);
  CHECK(made.head.find("message/global-headers") != std::string::npos);
}

TEST_CASE("status codes are taken from the text when they are of the right class") {
  CHECK(status_of("5.1.1 550 x", "5.0.0") == "5.1.1");
  CHECK(status_of("550 x", "5.0.0") == "5.0.0");
  CHECK(status_of("2.1.1 x", "5.0.0") == "5.0.0");
  CHECK(status_of("4.4.1 x", "4.4.7") == "4.4.1");
  CHECK(status_of("5.1.1111 x", "5.0.0") == "5.0.0");
  CHECK(status_of("5..1", "5.0.0") == "5.0.0");
  CHECK(status_of("", "4.0.0") == "4.0.0");
}

TEST_CASE("substitutions of the texts") {
  Substitutions values;
  values.headers = "H1\nH2\n";
  values.recipients = "R\n";
  values.units_so_far = 1;
  values.units_left = 2;
  values.units_allowed = 3;
  CHECK(substitute("%C %U%S, %L %u%s of %F %u%s; 100%%, %x %", values) ==
        "1 Day, 2 days of 3 days; 100%, %x %");
  CHECK(substitute("%H%R", values) == "H1\r\nH2\r\nR\r\n");
  values.hours = true;
  CHECK(substitute("%F %U%S\r\n", values) == "3 HourS\r\n");
}

TEST_CASE("a missing text is replaced and named") {
  char name[] = "/tmp/waxwing-texts-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  REQUIRE(
      replace_file(folder + "/return_prefix.txt", "Content-Type: text/plain; charset=utf-8\n\nHello %H\n"));
  std::vector<std::string> problems;
  const auto templates = Templates::load(folder, problems);
  CHECK(problems.size() == 6);
  CHECK(templates.part_header() == "Content-Type: text/plain; charset=utf-8\r\n");
  CHECK(templates.text("prefix") == "Hello %H\n");
  CHECK_FALSE(templates.text("bounced").empty());
  REQUIRE(remove_tree(folder));
}

TEST_CASE("RFC 6533: addresses that are not ASCII have a type of their own") {
  Case one;
  one.envelope.recipients[0].address = "gr\u00fcn+x@b\u00fccher.test";
  one.envelope.recipients[0].original = "rfc822;gr\u00fcn@example.test";
  CHECK(one.has("Final-Recipient: utf-8;gr\\x{FC}n\\x{2B}x@b\\x{FC}cher.test\r\n"));
  CHECK(one.has("Original-Recipient: utf-8;gr\\x{FC}n@example.test\r\n"));
  CHECK(one.has("Content-Type: message/delivery-status\r\n"));
  one.envelope.smtputf8 = true;
  CHECK(one.has("Final-Recipient: utf-8;gr\u00fcn+x@b\u00fccher.test\r\n"));
  CHECK(one.has("Content-Type: message/global-delivery-status\r\n"));
  one.envelope.recipients[0].address = "broken\xC3@x.test";
  one.envelope.smtputf8 = false;
  CHECK(one.has("utf-8;broken\\x{FFFD}@x.test\r\n"));
}

TEST_CASE("the language that a message would like its answer in") {
  const auto language = [](const char* field) {
    return preferred_language(std::string("Subject: x\r\n") + field + "\r\n\r\n");
  };
  CHECK(language("Accept-Language: de-CH, fr;q=0.5") == "de-CH");
  CHECK(language("Preferred-Language: fr") == "fr");
  CHECK(language("Accept-Language: ../../etc") == "");
  CHECK(language("Accept-Language:") == "");
  CHECK(language("X: de") == "");
}

TEST_CASE("an address gets so many in an hour and no more") {
  StormGate gate(2);
  CHECK(gate.may_send("a@x", 1000, "Q1"));
  CHECK(gate.may_send("a@x", 1000, "Q1"));
  CHECK_FALSE(gate.may_send("a@x", 2000, "Q2"));
  CHECK_FALSE(gate.may_send("a@x", 3000, "Q3"));
  CHECK(gate.may_send("b@x", 3000, "Q4"));
  CHECK(gate.may_send("a@x", 1000 + 3'600'000, "Q5"));
  StormGate open(0);
  for (int n = 0; n < 1000; ++n) CHECK(open.may_send("a@x", 0, "Q6"));
}

TEST_CASE("the texts of another language, and the usual ones where it has none") {
  char folder[] = "/tmp/waxwing-locale-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  REQUIRE(replace_file(std::string(folder) + "/return_bounced.txt",
                       "Nicht zugestellt an:\n\n%RGr\u00fc\u00dfe\n"));
  Case one;
  std::vector<std::string> problems;
  one.templates = Templates::load(folder, problems, &one.templates);
  one.templates.set_language("de");
  CHECK(problems.empty());
  CHECK(one.has("Nicht zugestellt an:\r\n\r\n  Recipient address: alias@example.test"));
  CHECK(one.has("charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-Language: "));
  REQUIRE(remove_tree(folder));
}

TEST_CASE("the words may have the fields of the message decoded") {
  Case one;
  one.notice.original_header = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n";
  CHECK(one.has("  Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"));
  one.notice.decode_words = true;
  CHECK(one.has("  Subject: Gr\u00fc\u00dfe\r\n"));
  CHECK(one.has("charset=utf-8"));
  std::string long_word;
  for (int i = 0; i < 200; ++i) long_word += "\u00fc";  // 400 bytes: 150 characters are shown
  one.notice.original_header = "Subject: x" + long_word + "\r\n\r\n";
  CHECK(one.has("  Subject: x" + long_word.substr(0, 298) + "\r\n"));
}

TEST_CASE("a warning with lines of the body has the type of a message") {
  Case one;
  one.notice.sample_lines = 3;
  CHECK(one.has("Content-Type: message/rfc822\r\n\r\nMessage-ID: <m@x>"));
}

TEST_CASE("return_header.opt is for the header of the notice") {
  char folder[] = "/tmp/waxwing-locale-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  REQUIRE(replace_file(std::string(folder) + "/return_header.opt", "Precedence: ADD=\"bulk\"\n"));
  Case one;
  std::vector<std::string> problems;
  one.templates = Templates::load(folder, problems, &one.templates);
  CHECK(problems.empty());
  const auto head = one.text();
  CHECK(head.find("precedence: bulk\r\n") < head.find("\r\n\r\n"));
  CHECK(head.find("Auto-Submitted: auto-replied\r\n") < head.find("\r\n\r\n"));
  REQUIRE(replace_file(std::string(folder) + "/return_header.opt", "nonsense\n"));
  Templates::load(folder, problems, &one.templates);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].find("return_header.opt") != std::string::npos);
  REQUIRE(remove_tree(folder));
}

namespace {
MtaOptions options_of(const char* text) {
  SourceSet sources;
  sources.set_file("option.dat", text);
  std::vector<std::string> errors, warnings;
  auto options = MtaOptions::parse(sources, "option.dat", errors, warnings);
  CHECK(errors.empty());
  CHECK(warnings.empty());
  return options;
}
}  // namespace

TEST_CASE("whom the sender's notice is for") {
  const std::string header = "Errors-To: Owner <owner@x>, b@x\r\nWarnings-To: warn@x\r\n\r\n";
  struct Row {
    const char* options;
    Family family;
    std::string header, to;
  };
  const Row rows[] = {
      {"", Family::failure, header, "me@x"},
      {"USE_ERRORS_TO=1\n", Family::failure, header, "owner@x"},
      {"USE_ERRORS_TO=1\n", Family::delay, header, "me@x"},
      {"USE_WARNINGS_TO=1\n", Family::delay, header, "warn@x"},
      {"USE_WARNINGS_TO=1\nUSE_ERRORS_TO=1\n", Family::success, header, "me@x"},
      {"USE_ERRORS_TO=1\n", Family::failure, "Errors-To: nobody\r\n\r\n", "me@x"},
      {"USE_ERRORS_TO=1\n", Family::failure, "Errors-To: <<>\r\n\r\n", "me@x"},
      {"USE_ERRORS_TO=1\n", Family::failure, "To: a@b\r\n\r\n", "me@x"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.options, row.header);
    CHECK(told_address(options_of(row.options), row.family, "me@x", row.header) == row.to);
  }
}

TEST_CASE("which failures go back with the body of the message") {
  struct Row {
    const char *options, *ret;
    std::uint64_t size;
    bool body;
  };
  const Row rows[] = {
      {"", "", 1 << 30, true},
      {"", "HDRS", 1, false},
      {"CONTENT_RETURN_BLOCK_LIMIT=2\n", "", 2048, true},
      {"CONTENT_RETURN_BLOCK_LIMIT=2\n", "", 2049, false},
      {"CONTENT_RETURN_BLOCK_LIMIT=2\n", "FULL", 2049, true},
      {"BOUNCE_BLOCK_LIMIT=2\n", "FULL", 2048, true},
      {"BOUNCE_BLOCK_LIMIT=2\n", "FULL", 2049, false},
      {"BOUNCE_BLOCK_LIMIT=2\nBLOCK_SIZE=4096\n", "", 8192, true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.options, row.ret, row.size);
    queue::Envelope envelope;
    envelope.ret = row.ret;
    CHECK(returns_body(options_of(row.options), envelope, row.size) == row.body);
    envelope.require_tls = true;
    CHECK_FALSE(returns_body(options_of(row.options), envelope, row.size));
  }
}
