#include "mta/submission/header.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::mta;

namespace {

std::shared_ptr<const MtaConfig> make_config(const std::string& options = "") {
  SourceSet sources;
  sources.set_symbol("IMTA_HOST", "mail.example.test");
  sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.test");
  sources.set_file("imta.cnf",
                   "mail.example.test $U%$D@mail.example.test\n"
                   "old.test $U%new.test@tcp-daemon\n"
                   ". $U%$H@tcp-daemon\n\n"
                   "l\nmail.example.test\n\n"
                   "tcp_local smtp\ntcp-daemon\n");
  sources.set_file("option.dat", options);
  auto config = MtaConfig::parse(sources);
  INFO((config ? std::string() : config.error().text));
  REQUIRE(config);
  return *config;
}

struct Run {
  std::shared_ptr<const MtaConfig> config = make_config();
  std::vector<std::string> recipients = {"r@x.test", "s@y.test"};
  bool submission = false;
  std::string subject_tag;
  std::optional<Verdict> refusal;

  HeaderOutcome operator()(std::string_view header) {
    HeaderTask task;
    task.header = header;
    task.source = config->channel("tcp_local");
    task.submission = submission;
    task.sender = "me@example.test";
    task.queue_id = "QID";
    task.recipients = &recipients;
    task.subject_tag = subject_tag;
    const Lookup lookup{*config, nullptr, directory::Ask::may_block};
    auto result = process_header(lookup, task);
    REQUIRE(result);
    refusal.reset();
    if (*result) return std::move(**result);
    refusal = result->error();
    return {};
  }
};

}  // namespace

TEST_CASE("a tag stands in front of the subject, once") {
  Run run;
  run.subject_tag = "[ext]";
  CHECK(run("To: a@b\r\nSubject: one\r\n two\r\n\r\n").text ==
        "To: a@b\r\nSubject: [ext] one\r\n two\r\n\r\n");
  CHECK(run("To: a@b\r\nsubject:one\r\n\r\n").text == "To: a@b\r\nsubject: [ext] one\r\n\r\n");
  CHECK(run("To: a@b\r\nSubject: Re: [EXT] one\r\n\r\n").text == "To: a@b\r\nSubject: Re: [EXT] one\r\n\r\n");
  CHECK(run("To: a@b\r\n\r\n").text == "To: a@b\r\nSubject: [ext]\r\n\r\n");
}

TEST_CASE("MR-Received: fields are counted apart") {
  Run run;
  const auto outcome = run("Received: from a by b; x\r\nMR-Received: c\r\nmr-received: d\r\n\r\n");
  CHECK(outcome.received == 1);
  CHECK(outcome.mr_received == 2);
}

TEST_CASE("a header that needs no change keeps every byte") {
  Run run;
  const std::string header =
      "Received: from a by b; x\r\nFrom: \"A, B\"\t<a@b.test> (c)\r\nTo: x@y.test,\r\n  Team: p@q.test , "
      "\"odd one\"@r.test;\r\n"
      "subject:  two\r\n\tlines\r\nX-8bit: \xC3\xA9\xFF\r\nCc:\r\n\r\n";
  const auto outcome = run(header);
  CHECK(outcome.text == header);
  CHECK(outcome.received == 1);
}

TEST_CASE("addresses are rewritten in place") {
  Run run;
  CHECK(run("To: Some One\r\n\t<u@old.test> (old), v@b.test\r\n\r\n").text ==
        "To: Some One\r\n\t<u@new.test> (old), v@b.test\r\n\r\n");
  CHECK(run("X-To: u@old.test\r\nTo: a@b.test\r\n\r\n").text == "X-To: u@old.test\r\nTo: a@b.test\r\n\r\n");
}

TEST_CASE("of very many addresses the first thousand are rewritten") {
  Run run;
  std::string header = "To: ";
  for (int i = 0; i < 1500; ++i) header += "u@old.test,\r\n ";
  const auto text = run(header + "v@old.test\r\nCc: w@old.test\r\n\r\n").text;
  std::size_t count = 0;
  for (auto at = text.find("@new.test"); at != text.npos; at = text.find("@new.test", at + 1)) ++count;
  CHECK(count == 1000);
  CHECK(text.ends_with("v@old.test\r\nCc: w@old.test\r\n\r\n"));
}

TEST_CASE("Return-Path goes; only submissions are completed and lose their Bcc") {
  Run run;
  CHECK(run("Return-Path: <x@y.test>\r\nTo: a@b.test\r\nBcc: c@d.test\r\n\r\n").text ==
        "To: a@b.test\r\nBcc: c@d.test\r\n\r\n");
  run.submission = true;
  const auto text = run("To: a@b.test\r\nBcc: c@d.test,\r\n e@f.test\r\n\r\n").text;
  CHECK(text.starts_with("To: a@b.test\r\nFrom: me@example.test\r\nDate: "));
  CHECK(text.ends_with("\r\nMessage-ID: <QID@mail.example.test>\r\n\r\n"));
  const std::string whole = "From: a@b.test\r\nDate: x\r\nMessage-ID: <y>\r\nTo: a@b.test\r\n\r\n";
  CHECK(run(whole).text == whole);
}

TEST_CASE("a message without recipient fields is treated by policy") {
  Run run;
  CHECK(run("Subject: x\r\n\r\n").text == "Subject: x\r\n\r\n");
  run.config = make_config("MISSING_RECIPIENT_POLICY=2\n");
  CHECK(run("Subject: x\r\n\r\n").text == "Subject: x\r\nTo: r@x.test, s@y.test\r\n\r\n");
  CHECK(run("Resent-To: a@b.test\r\n\r\n").text == "Resent-To: a@b.test\r\n\r\n");
  run.config = make_config("MISSING_RECIPIENT_POLICY=4\n");
  CHECK(run("Subject: x\r\n\r\n").text == "Subject: x\r\nTo: Recipient list not shown:;\r\n\r\n");
  run.config = make_config("MISSING_RECIPIENT_POLICY=4\nMISSING_RECIPIENT_GROUP_TEXT=Empf\xC3\xA4nger\n");
  CHECK(run("Subject: x\r\n\r\n").text == "Subject: x\r\nTo: =?UTF-8?Q?Empf=C3=A4nger?= :;\r\n\r\n");
  run.config = make_config("MISSING_RECIPIENT_POLICY=6\n");
  run("Subject: x\r\n\r\n");
  REQUIRE(run.refusal);
  CHECK(run.refusal->code == 554);
}

TEST_CASE("what is no header becomes body") {
  Run run;
  CHECK(run("\r\n").text == "\r\n");
  CHECK(run("").text == "\r\n");
  CHECK(run("no field here\r\n\r\n").text == "\r\nno field here\r\n\r\n");
  CHECK(run("Subject: x\r\nbroken line\r\n\r\n").text == "Subject: x\r\n\r\nbroken line\r\n\r\n");
  CHECK(run("Subject: cut").text == "Subject: cut\r\n\r\n");
}

TEST_CASE("Received fields of this host are counted apart, priority is read") {
  Run run;
  const auto outcome =
      run("Received: from a\r\n\tby mail.example.test with SMTP; d\r\nReceived: from b by c; d\r\nPriority: "
          "urgent\r\n\r\n");
  CHECK(outcome.received == 2);
  CHECK(outcome.received_here == 1);
  CHECK(outcome.priority == queue::Priority::urgent);
}
