#include "mta/notify/disposition.h"

#include <catch2/catch.hpp>

#include "common/mail/charset.h"
#include "common/mail/header.h"
#include "mta/notify/disposition_request.h"
#include "mta/notify/text_folders.h"

using namespace waxwing;
using namespace waxwing::mta;
using namespace waxwing::mta::notify;

namespace {

struct Case {
  std::vector<std::string> problems;
  Templates templates = Templates::load("etc/config/locale/C", problems, nullptr, TextFamily::disposition);
  DispositionNotice notice;

  Case() {
    notice.to = "asker@far.test";
    notice.from = "joe@example.test";
    notice.from_name = "Joe Doe";
    notice.subject = "Auto: lunch";
    notice.host = "mail.example.test";
    notice.original_recipient = "rfc822;J.Doe@example.test";
    notice.final_recipient = "joe@example.test";
    notice.original_header = "Message-ID: <m@far.test>\r\nSubject: lunch\r\nX-Secret: no\r\n\r\n";
    notice.now_ms = 1'795'000'000'000;
  }
  std::string text() const {
    const auto made = make_disposition_notice(notice, templates, "BOUND");
    return made.head + notice.original_header + made.tail;
  }
  bool has(const std::string& what) const { return text().find(what) != std::string::npos; }
};

std::string asks(const std::string& fields, const std::string& sender = "Asker@far.test") {
  const std::string text = "Subject: x\r\n" + fields + "\r\n";
  const auto request = automatic_request(mail::HeaderBlock::scan(text), sender);
  return request.to.empty() ? "no: " + request.why_not : request.to;
}

}  // namespace

TEST_CASE("the shipped texts of disposition notifications are all there") {
  CHECK(Case().problems.empty());
}

TEST_CASE("a disposition notification has the three parts and the fields of RFC 8098") {
  Case one;
  CHECK(one.has("From: Joe Doe <joe@example.test>\r\nTo: asker@far.test\r\nSubject: Auto: lunch\r\n"));
  CHECK(one.has("\r\nIn-Reply-To: <m@far.test>\r\nReferences: <m@far.test>\r\n"));
  CHECK(one.has("\r\nAuto-Submitted: auto-replied\r\n"));
  CHECK(one.has(
      "Content-Type: multipart/report; report-type=disposition-notification;\r\n boundary=\"BOUND\"\r\n\r\n"
      "--BOUND\r\nContent-Type: text/plain; charset=us-ascii\r\n"));
  CHECK(
      one.has("--BOUND\r\nContent-Type: message/disposition-notification\r\n\r\n"
              "Reporting-UA: mail.example.test; Waxwing\r\n"
              "Original-Recipient: rfc822;J.Doe@example.test\r\nFinal-Recipient: rfc822;joe@example.test\r\n"
              "Original-Message-ID: <m@far.test>\r\n"
              "Disposition: automatic-action/MDN-sent-automatically; processed\r\n\r\n--BOUND\r\n"
              "Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <m@far.test>\r\n"));
  CHECK(one.text().ends_with("X-Secret: no\r\n\r\n\r\n--BOUND--\r\n"));
  // Its own header asks for none.
  CHECK_FALSE(one.has("Disposition-Notification-To"));
  one.notice.disposition = Disposition::deleted;
  one.notice.modifiers = {"error", "x\r\nEvil: y"};
  CHECK(one.has("; deleted/error,x  Evil: y\r\n"));
  one.notice.full_content = one.notice.eight_bit = true;
  CHECK(one.has("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"));
}

TEST_CASE("each disposition has its words, and a user's own take their place") {
  Case one;
  for (const auto each :
       {Disposition::displayed, Disposition::deleted, Disposition::dispatched, Disposition::processed}) {
    one.notice.disposition = each;
    INFO(disposition_word(each));
    CHECK(one.has("  Message-ID: <m@far.test>\r\n"));
    CHECK(one.has("\r\n\r\n  joe@example.test\r\n"));
    CHECK(one.has(std::string("; ") + disposition_word(each) + "\r\n"));
  }
  one.notice.words = "Gr\u00fc\u00dfe.\n";
  CHECK(
      one.has("Content-Type: text/plain; charset=utf-8\r\n"
              "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe."));
  CHECK_FALSE(one.has("  Message-ID:"));
  one.notice.charset = "iso-8859-1";
  CHECK(one.has("charset=iso-8859-1\r\n"));
  CHECK(one.has("Gr=FC=DFe."));
  one.notice.words = "\u20ac";  // it has no euro sign
  CHECK(one.has("charset=utf-8\r\n"));
  one.notice.charset = "nobody-knows";
  CHECK(one.has("charset=utf-8\r\n"));
}

TEST_CASE("a disposition notification of UTF-8 addresses") {
  Case one;
  one.notice.final_recipient = "gr\u00fcn@example.test";
  // In a message that may not have UTF-8 the address is written out (RFC 6533).
  CHECK(one.has("Final-Recipient: utf-8;gr\\x{FC}n@example.test\r\n"));
  CHECK_FALSE(make_disposition_notice(one.notice, one.templates, "B").utf8);
  one.notice.smtputf8 = true;
  CHECK(make_disposition_notice(one.notice, one.templates, "B").utf8);
  CHECK(one.has(
      "Content-Type: message/global-disposition-notification\r\nContent-Transfer-Encoding: 8bit\r\n"));
  CHECK(one.has("Final-Recipient: utf-8;gr\u00fcn@example.test\r\n"));
  CHECK(one.has("Content-Type: message/global-headers\r\n"));
}

TEST_CASE("who may be sent a notification that nobody was asked about") {
  const std::string field = "Disposition-Notification-To: ";
  CHECK(asks(field + "Asker <Asker@FAR.test>\r\n") == "Asker@FAR.test");
  CHECK(asks(field + "\"Asker\"@far.test\r\n" + field + "Asker@far.test\r\n") == "Asker@far.test");
  CHECK(asks("").starts_with("no: the message asks"));
  // Others than the sender, several, nobody: a person would have to be asked (RFC 8098 §2.1).
  CHECK(asks(field + "victim@far.test\r\n").ends_with("another address than the envelope From"));
  CHECK(asks(field + "asker@far.test\r\n").starts_with("no"));  // a local part has its case
  CHECK(asks(field + "Asker@far.test, b@far.test\r\n").ends_with("not one address"));
  CHECK(asks(field + "Asker@far.test\r\n" + field + "b@far.test\r\n").ends_with("not one address"));
  CHECK(asks(field + "\r\n").ends_with("not one address"));
  CHECK(asks(field + "everybody: Asker@far.test;\r\n").ends_with("not one address"));
  CHECK(asks(field + "Asker@far.test\r\n", "").starts_with("no: the sender is empty"));
  const auto good = field + "Asker@far.test\r\n";
  CHECK(asks(good + "Auto-Submitted: auto-generated\r\n").ends_with("a program sent the message"));
  CHECK(asks(good + "Auto-Submitted: no\r\n") == "Asker@far.test");
  CHECK(asks(good + "Content-Type: multipart/report;\r\n report-type=disposition-notification\r\n")
            .ends_with("a program sent the message"));
  CHECK(asks(good + "Precedence: bulk\r\n").ends_with("for many"));
  CHECK(asks(good + "List-Id: <l.far.test>\r\n").ends_with("for many"));
  const std::string options = "Disposition-Notification-Options: ";
  CHECK(asks(good + options + "signed=optional,pkcs7\r\n") == "Asker@far.test");
  CHECK(asks(good + options + "a=optional,b; signed = Required ,pkcs7\r\n").ends_with("not known here"));
}

TEST_CASE("which messages are reports, that nothing is sent about") {
  const auto report = [](const char* type) {
    const std::string text = std::string("Content-Type: ") + type + "\r\n\r\n";
    return is_report(mail::HeaderBlock::scan(text));
  };
  CHECK(report("multipart/report; report-type=disposition-notification; boundary=x"));
  CHECK(report("Multipart/Report; boundary=x; report-type=\"delivery-status\""));
  CHECK(report("multipart/report"));
  CHECK_FALSE(report("multipart/report; report-type=feedback-report"));
  CHECK_FALSE(report("multipart/mixed; report-type=delivery-status"));
}

TEST_CASE("what a language table may answer") {
  const auto read = [](const char* text, const char* flags) {
    MapResult answer;
    answer.matched = true;
    answer.text = text;
    for (const char* flag = flags; *flag; ++flag) answer.flags.set(*flag);
    const auto found = read_language_answer(answer);
    return found ? found->language + ":" + found->folder + ":" + found->rest : std::string("none");
  };
  CHECK(read("de|german", "ID") == "de:german:");
  CHECK(read("/opt/texts/fr|iso-8859-1|Sujet", "IT") == ":/opt/texts/fr:iso-8859-1|Sujet");
  CHECK(read("fr", "D") == ":fr:");
  CHECK(read("fr", "") == "none");
  CHECK(read("de|../../etc", "ID") == "none");
  CHECK(read("not a tag|de", "ID") == ":de:");
}
