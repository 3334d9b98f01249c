#include <catch2/catch.hpp>
#include <fstream>

#include "channels/autoreply/reply.h"
#include "channels/autoreply/told.h"
#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/mail/date.h"
#include "mta/address/vacation.h"
#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::channels;

namespace {

directory::User away(std::vector<std::pair<std::string, std::string>> attributes = {}) {
  directory::User user;
  user.mail = "joe@example.test";
  user.alternate_addresses = {"j@example.test"};
  user.common_name = "Joe Doe";
  auto domain = std::make_shared<directory::Domain>();
  domain->name = "example.test";
  user.domain = domain;
  for (auto& [name, value] : attributes) user.entry.attributes.push_back({name, {value}});
  return user;
}

std::string silence(const std::string& header, const std::string& sender = "a@far.test") {
  const std::string text = header + "\r\n";
  return reason_for_silence(away(), sender, mail::HeaderBlock::scan(text));
}

}  // namespace

TEST_CASE("a vacation has its dates") {
  const auto noon = mail::parse_date("Tue, 1 Dec 2026 12:00:00 +0000")->utc_seconds;
  using Rows = std::vector<std::pair<std::string, std::string>>;
  const auto on = [&](Rows more, bool dates = true) {
    more.push_back({"mailAutoReplyText", "away"});
    return mta::is_vacation_on(away(more), dates, noon);
  };
  CHECK(on({}));
  CHECK_FALSE(mta::is_vacation_on(away(), true, noon));  // nothing to say
  CHECK(on({{"vacationStartDate", "20261201"}, {"vacationEndDate", "20261202"}}));
  CHECK_FALSE(on({{"vacationStartDate", "20261202000000Z"}}));
  CHECK(on({{"vacationStartDate", "20261202000000Z"}}, false));
  CHECK(on({{"vacationStartDate", "20261201115959Z"}}));
  CHECK_FALSE(on({{"vacationEndDate", "202612011200Z"}}));
  CHECK(on({{"vacationEndDate", "20261201120001Z"}}));
  for (const auto* bad : {"soon", "2026", "20261301000000Z", "2026120112Z"}) {
    CHECK_FALSE(on({{"vacationStartDate", bad}}));
    CHECK_FALSE(on({{"vacationEndDate", bad}}));
  }
}

TEST_CASE("the entry's options say whether the dates count") {
  const auto noon = mail::parse_date("Tue, 1 Dec 2026 12:00:00 +0000")->utc_seconds;
  const auto answers = [&](const char* options, std::vector<std::string> wanted) {
    auto user = away({{"mailAutoReplyText", "away"}, {"vacationEndDate", "20261101"}});
    user.delivery_options = std::move(wanted);
    return mta::answers_now(user, *mta::DeliveryOptions::parse(options), noon);
  };
  const auto* dated = "*mailbox=$M@x,*^!autoreply=$M@y";
  const auto* always = "*mailbox=$M@x,*!autoreply=$M@y";
  CHECK_FALSE(answers(dated, {"mailbox", "autoreply"}));
  CHECK(answers(always, {"mailbox", "autoreply"}));
  CHECK_FALSE(answers(always, {"mailbox"}));
  CHECK_FALSE(answers(always, {"unknown"}));
}

TEST_CASE("what gets no automatic reply") {
  const std::string to_joe = "To: Joe <Joe@example.test>\r\n";
  CHECK(silence(to_joe).empty());
  CHECK(silence("To: x@far.test\r\nCc: y@far.test, J+folder@example.test\r\n").empty());
  CHECK(silence(to_joe + "Auto-Submitted: no\r\n").empty());
  CHECK_FALSE(silence(to_joe, "").empty());
  for (const auto* sender :
       {"MAILER-DAEMON@far.test", "owner-news@far.test", "news-request@far.test", "noreply@far.test",
        "joe@example.test", "J@example.test", "news-bounces+x@far.test"})
    CHECK_FALSE(silence(to_joe, sender).empty());
  CHECK_FALSE(silence(to_joe + "Auto-Submitted: auto-replied\r\n").empty());
  CHECK_FALSE(silence(to_joe + "Precedence: Bulk\r\n").empty());
  CHECK_FALSE(silence(to_joe + "List-Id: <x>\r\n").empty());
  CHECK_FALSE(silence(to_joe + "X-Auto-Response-Suppress: OOF\r\n").empty());
  CHECK_FALSE(silence("To: x@far.test\r\n").empty());
  CHECK_FALSE(silence("").empty());
}

TEST_CASE("an automatic reply") {
  const std::string original =
      "From: a@far.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@far>\r\nReferences: "
      "<0@far>\r\n\r\n";
  const auto header = mail::HeaderBlock::scan(original);
  auto user = away({{"mailAutoReplyText", "Away until Monday.$About $SUBJECT later."},
                    {"mailAutoReplyTextInternal", "Ask Sue."},
                    {"mailAutoReplySubject", "Away: $SUBJECT\r\nBcc: x@y"}});
  const auto text = make_reply({user, "a@far.test", "mail.example.test", header, 1'795'000'000});
  const auto made = mail::HeaderBlock::scan(text);
  CHECK(made.value("From").value_or("").find("Joe Doe <joe@example.test>") != std::string::npos);
  CHECK(trim(made.value("To").value_or("")) == "a@far.test");
  CHECK(mail::decoded_text(made.value("Subject").value_or("")) ==
        "Away: Gr\xc3\xbc\xc3\x9f"
        "e Bcc: x@y");
  CHECK(made.find("Bcc") == nullptr);
  CHECK(trim(made.value("In-Reply-To").value_or("")) == "<1@far>");
  CHECK(trim(made.value("References").value_or("")) == "<0@far> <1@far>");
  CHECK(made.value("Auto-Submitted").value_or("").find("auto-replied") != std::string::npos);
  CHECK(text.find("Away until Monday.\r\nAbout Gr=C3=BC=C3=9Fe later.\r\n") != std::string::npos);
  CHECK(make_reply({user, "sue@example.test", "h", header, 0}).find("Ask Sue.") != std::string::npos);
  user.entry.attributes.push_back({"mailAutoReplyMode", {"echo"}});
  CHECK(make_reply({user, "a@far.test", "h", header, 0}).find("From: a@far.test") != std::string::npos);
  CHECK(is_echo(user));
  CHECK(reply_words({user, "a@far.test", "h", header, 0}).find("From: a@far.test") == std::string::npos);
}

TEST_CASE("reports are not answered, and who only echoes needs no text") {
  CHECK(silence("To: joe@example.test\r\nContent-Type: multipart/report; report-type=delivery-status\r\n") ==
        "a report of delivery or disposition");
  CHECK(silence("To: joe@example.test\r\nContent-Type: multipart/report; report-type=feedback-report\r\n") ==
        "");
  CHECK(mta::is_vacation_on(away({{"mailAutoReplyMode", "echo"}}), true, 0));
  CHECK_FALSE(mta::is_vacation_on(away({{"mailAutoReplyMode", "reply"}}), true, 0));
}

TEST_CASE("each sender is told once in a period, and not the whole world") {
  test::ScratchQueue scratch;
  const auto folder = scratch.root + "/autoreply";
  const Told told(folder, "../../etc/Joe@x", 100);
  CHECK(told.path().starts_with(folder + "/"));
  CHECK(told.path().find("..", folder.size()) == std::string::npos);
  CHECK(told.may_tell("a@far.test", 1000).value());
  REQUIRE(told.note("a@far.test", 1000));
  CHECK_FALSE(told.may_tell("A@far.test", 1099).value());
  CHECK(told.may_tell("b@far.test", 1099).value());
  CHECK(told.may_tell("a@far.test", 1100).value());
  REQUIRE(told.note("b@far.test", 1200));  // a's time is over: forgotten
  CHECK(read_file(told.path(), 1000).value() == "1200 b@far.test\n");
  std::string crowd;
  for (std::size_t i = 0; i < kMostTold; ++i) crowd += "1200 x" + std::to_string(i) + "@far.test\n";
  std::ofstream(told.path()) << crowd;
  CHECK_FALSE(told.may_tell("new@far.test", 1250).value());
  std::ofstream(told.path()) << "nonsense\n12x a@far.test\n";
  CHECK(told.may_tell("a@far.test", 1250).value());
  // What cannot be read is no file that knows nobody: a second answer would go out, and the first be forgotten.
  std::filesystem::remove(told.path());
  std::filesystem::create_directory(told.path());
  CHECK_FALSE(told.may_tell("a@far.test", 1250).has_value());
  CHECK_FALSE(told.note("a@far.test", 1250).has_value());
}
