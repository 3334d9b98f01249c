// What lists and authrewrite do to a header.
#include <catch2/catch.hpp>

#include "mta/submission/auth_rewrite.h"
#include "mta/submission/header.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

std::shared_ptr<const MtaConfig> make_config(const std::string& keywords) {
  SourceSet sources;
  sources.set_symbol("IMTA_HOST", "mail.example.test");
  sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.test");
  sources.set_file("imta.cnf",
                   "mail.example.test $U%$D@mail.example.test\n. $U%$H@tcp-daemon\n\n"
                   "l\nmail.example.test\n\ntcp_submit smtp " +
                       keywords + "\ntcp-daemon\n");
  sources.set_file("mappings",
                   "AUTH_REWRITE\n\n"
                   "  *|*|*|joe@example.test  joe@example.test|boss@example.test|staff@example.test$Y$J$K$I\n"
                   "  *|*|*|evil@example.test  not$ as$ you$N\n"
                   "  *|*|*|bad@example.test  x@y$ Bcc:z$Y$K\n");
  auto config = MtaConfig::parse(sources);
  INFO((config ? std::string() : config.error().text));
  REQUIRE(config);
  return *config;
}

HeaderResult process(const MtaConfig& config, std::string_view header, std::string_view auth_sender,
                     const ListEffects* list = nullptr) {
  HeaderTask task;
  task.header = header;
  task.source = config.channel("tcp_submit");
  task.sender = "me@example.test";
  task.auth_sender = auth_sender;
  task.list = list;
  const Lookup lookup{config, nullptr, directory::Ask::may_block};
  auto result = process_header(lookup, task);
  REQUIRE(result);
  return std::move(*result);
}

}  // namespace

TEST_CASE("a list adds, removes and replaces fields; its password goes no further") {
  const auto config = make_config("");
  ListEffects effects;
  effects.add_headers = {"List-Id: <x>", "Reply-To: all@x"};
  effects.absent_headers = {"Comments: one", "Precedence: list"};
  effects.remove_headers = {"reply-to", "X-Old: whatever"};
  const auto outcome = process(*config,
                               "To: a@b\r\nApproved: open sesame\r\nReply-To: c@d\r\nX-Old: 1\r\n 2\r\n"
                               "comments: mine\r\n\r\n",
                               "", &effects);
  REQUIRE(outcome);
  CHECK(outcome->text ==
        "To: a@b\r\ncomments: mine\r\nList-Id: <x>\r\nReply-To: all@x\r\nPrecedence: list\r\n\r\n");
  CHECK(outcome->plain_text);
  CHECK_FALSE(process(*config, "To: a@b\r\nContent-Type: multipart/mixed\r\n\r\n", "")->plain_text);
  CHECK_FALSE(process(*config, "To: a@b\r\nContent-Transfer-Encoding: base64\r\n\r\n", "")->plain_text);
  CHECK(process(*config, "To: a@b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", "")
            ->plain_text);
}

TEST_CASE("a list numbers its messages") {
  struct Row {
    const char *subject, *tag;
    SubjectNumber number;
    const char* becomes;
  };
  const SubjectNumber front{18, false, false}, front_last{18, false, true};
  const SubjectNumber behind{18, true, false}, behind_last{18, true, true};
  const Row rows[] = {
      {"Subject: hello\r\n", "", front, "Subject: 18 hello\r\n"},
      {"Subject:hello\r\n", "", front, "Subject: 18 hello\r\n"},
      {"Subject: hello\r\n", "[x]", front, "Subject: 18 [x] hello\r\n"},
      {"Subject: Re: 17 hello\r\n", "", front, "Subject: 18 Re: 17 hello\r\n"},
      {"Subject: Re: 17 hello\r\n", "", front_last, "Subject: 18 Re: hello\r\n"},
      {"Subject: AW: Re: 16 [x] hello\r\n", "[x]", front_last, "Subject: 18 AW: Re: [x] hello\r\n"},
      {"Subject: Re: 17 Re: 16 hello\r\n", "", front_last, "Subject: 18 Re: Re: hello\r\n"},
      {"Subject: 17 rooms\r\n", "", front_last, "Subject: 18 17 rooms\r\n"},
      {"Subject: Re: 2026 budget\r\n", "", front_last, "Subject: 18 Re: 2026 budget\r\n"},
      {"Subject: hello\r\n", "", behind, "Subject: hello 18\r\n"},
      {"Subject: one\r\n two\r\n", "[x]", behind, "Subject: [x] one\r\n two 18\r\n"},
      {"Subject: Re: hello 16 17\r\n", "", behind_last, "Subject: Re: hello 18\r\n"},
      {"Subject: Re: room 2026\r\n", "", behind_last, "Subject: Re: room 2026 18\r\n"},
      {"Subject: room 7\r\n", "", behind_last, "Subject: room 7 18\r\n"},
      {"Subject: Re: 7\r\n", "", behind_last, "Subject: Re: 18\r\n"},
      {"Subject:\r\n", "", front, "Subject: 18\r\n"},
      {"Subject:\r\n", "", behind, "Subject: 18\r\n"},
      {"Subject:\r\n", "[x]", behind, "Subject: [x] 18\r\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.subject, row.number.number, row.number.behind);
    CHECK(shaped_subject(row.subject, row.tag, row.number) == row.becomes);
  }
}

TEST_CASE("what a list puts into the header, and what it takes out, counts at once") {
  const auto config = make_config("");
  const std::string header =
      "To: a@b\r\nPriority: urgent\r\nDeferred-Delivery: Mon, 7 Dec 2026 08:00:00 +0000\r\n"
      "Received: from x by mail.example.test; y\r\n\r\n";
  CHECK(process(*config, header, "")->deferred_until_ms == 1796630400000);
  ListEffects effects;
  effects.remove_headers = {"Deferred-Delivery", "Priority", "Received"};
  auto outcome = process(*config, header, "", &effects);
  CHECK(outcome->deferred_until_ms == 0);
  CHECK(outcome->priority == queue::Priority::normal);
  CHECK(outcome->received_here == 1);  // a loop is found all the same
  CHECK(outcome->text == "To: a@b\r\n\r\n");
  effects.add_headers = {"Deferred-Delivery: Mon, 7 Dec 2026 09:00:00 +0000", "Priority: non-urgent",
                         "Sensitivity: private"};
  outcome = process(*config, header, "", &effects);
  CHECK(outcome->deferred_until_ms == 1796634000000);
  CHECK(outcome->priority == queue::Priority::nonurgent);
  CHECK(outcome->sensitivity == 2);
}

TEST_CASE("authrewrite 1 and 2: who has logged in stands in Sender:") {
  const auto one = make_config("authrewrite 1"), two = make_config("authrewrite 2"), none = make_config("");
  const std::string header = "From: other@x.test\r\nSender: fake@x.test\r\nTo: a@b\r\n\r\n";
  CHECK(process(*one, header, "me@example.test")->text ==
        "From: other@x.test\r\nTo: a@b\r\nSender: me@example.test\r\n\r\n");
  CHECK(process(*one, header, "")->text == header);
  CHECK(process(*none, header, "me@example.test")->text == header);
  const std::string own = "From: Me <ME@example.test>\r\nTo: a@b\r\n\r\n";
  CHECK(process(*one, own, "me@example.test")->text == own);
  const std::string resent = "Resent-From: y@x.test\r\nFrom: other@x.test\r\nTo: a@b\r\n\r\n";
  CHECK(process(*one, resent, "me@example.test")->text ==
        "Resent-From: y@x.test\r\nFrom: other@x.test\r\nTo: a@b\r\nResent-Sender: me@example.test\r\n\r\n");
  CHECK(process(*two, resent, "me@example.test")->text ==
        "Resent-From: y@x.test\r\nFrom: other@x.test\r\nTo: a@b\r\nSender: me@example.test\r\n\r\n");
}

TEST_CASE("authrewrite 3: the mapping AUTH_REWRITE") {
  const auto config = make_config("authrewrite 3");
  const std::string header = "From: other@x.test\r\nTo: a@b\r\n\r\n";
  const auto changed = process(*config, header, "joe@example.test");
  REQUIRE(changed);
  CHECK(changed->new_sender == "joe@example.test");
  CHECK(changed->text == "To: a@b\r\nFrom: staff@example.test\r\nSender: boss@example.test\r\n\r\n");
  const auto refused = process(*config, header, "evil@example.test");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == 550);
  CHECK(refused.error().text == "not as you");
  CHECK(process(*config, header, "bad@example.test")->text == header);  // no address, no field
  CHECK(process(*config, header, "someone@example.test")->text == header);
}
