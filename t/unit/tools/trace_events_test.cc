#include "tools/imsimta/trace_events.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace waxwing::imsimta;

namespace {

// A folder of logs that goes away with the test.
struct Logs {
  Logs() {
    char name[] = "/tmp/waxwing-trace-XXXXXX";
    folder = ::mkdtemp(name);
  }
  ~Logs() { std::filesystem::remove_all(folder); }
  void add(const std::string& file, const std::string& line) const {
    std::ofstream(folder + "/" + file, std::ios::app) << line << "\n";
  }
  std::string folder;
};

std::string names_of(const std::vector<LoggedEvent>& events) {
  std::string names;
  for (const auto& event : events) names += (names.empty() ? "" : " ") + event.name;
  return names;
}

TraceIds message(const char* id) {
  TraceIds ids;
  ids.messages.insert(id);
  return ids;
}

}  // namespace

TEST_CASE("a line of an event log is taken apart") {
  LoggedEvent event;
  REQUIRE(parse_event(
      R"(2026-11-22T04:10:00.123Z smtpd[4711] notice smtp.mail a=1 b="x \"y\" \\ \x0a=z" c="" d=e)", event));
  CHECK(event.time == "2026-11-22T04:10:00.123Z");
  CHECK(event.program == "smtpd");
  CHECK(event.name == "smtp.mail");
  CHECK(event.field("a") == "1");
  CHECK(event.field("b") == "x \"y\" \\ \n=z");
  CHECK(event.field("c").empty());
  CHECK(event.field("d") == "e");
  CHECK(event.field("nothing").empty());
  for (const auto* line : {"", " ", "2026-11-22T04:10:00.123Z", "no time at all here a=1",
                           "2026-11-22T04:10:00.123Z smtpd notice "})
    CHECK_FALSE(parse_event(line, event));
  // Damaged ends: what there is, and no reading beyond it.
  for (const auto* tail : {"a=\"open", "a=\"open\\", "a=\"x\\x0", "a=", "a", "=b", "\"a\"=b"})
    CHECK(parse_event(std::string("2026-11-22T04:10:00.123Z smtpd[1] notice x ") + tail, event));
}

TEST_CASE("a message is followed by its session and to the messages born of it") {
  const Logs logs;
  const std::string day = "2026-11-22T04:10:0";
  logs.add("smtpd.log.2", day + "1.000Z smtpd[1] info smtp.open sid=S1 peer=1.2.3.4");
  logs.add("smtpd.log", day + "2.000Z smtpd[1] info mta.enqueue sid=S1 qid=M1 from=a@x to=b@y");
  logs.add("smtpd.log", day + "3.000Z smtpd[1] info mta.enqueue sid=S1 qid=M7 from=a@x to=z@y");
  logs.add("smtpd.log", day + "3.500Z smtpd[1] info smtp.open sid=S2 peer=1.2.3.4");
  logs.add("process.log",
           day + "4.000Z process[2] info mta.delivered qid=M1 reply=\"2.5.0 queued again as M2\" as=M2");
  logs.add("tcp_smtp_client.log", day + "6.000Z tcp_smtp_client[3] notice mta.failed qid=M2 to=b@y");
  logs.add("tcp_smtp_client.log", day + "7.000Z tcp_smtp_client[3] info notify.sent qid=M2 as=M3 to=a@x");
  logs.add("ims_master.log",
           day + "8.000Z ims_master[4] info mta.delivered qid=M3 reply=\"2.1.5 user/a/INBOX uid 1\"");
  logs.add("mail.log_current", "22-Nov-2026 04:10:02.00 tcp_local E qid=M1");
  auto ids = message("M1");
  const auto events = follow(logs.folder, ids);
  REQUIRE(events);
  CHECK(names_of(*events) == "smtp.open mta.enqueue mta.delivered mta.failed notify.sent mta.delivered");
  CHECK(ids.messages == std::set<std::string, std::less<>>{"M1", "M2", "M3"});
  CHECK(ids.sessions == std::set<std::string, std::less<>>{"S1"});

  const auto by_address = find_messages(logs.folder, "A@x", 2);
  REQUIRE(by_address);
  CHECK(by_address->messages == std::set<std::string, std::less<>>{"M2", "M7"});
  CHECK(find_messages(logs.folder, "nobody@y", 10)->messages.empty());
}

TEST_CASE("it is followed however it goes on, and what other hosts say is not taken for it") {
  for (const auto* event :
       {"mta.delivered qid=M1 reply=\"2.5.0 converted, queued as M2\" as=M2",
        "defragment.whole qid=M1 id=x pieces=2 as=M2", "autoreply qid=M1 outcome=sent as=M2"}) {
    const Logs logs;
    logs.add("channel.log", std::string("2026-11-22T04:10:01.000Z channel[1] info ") + event);
    logs.add("ims_master.log", "2026-11-22T04:10:02.000Z ims_master[1] info mta.delivered qid=M2");
    auto ids = message("M1");
    CHECK(follow(logs.folder, ids)->size() == 2);
    CHECK(ids.messages.contains("M2"));
  }
  const Logs logs;
  logs.add("tcp_smtp_client.log",
           "2026-11-22T04:10:01.000Z tcp_smtp_client[1] info mta.delivered qid=M1 "
           "reply=\"250 2.5.0 queued again as M2\"");
  auto ids = message("M1");
  REQUIRE(follow(logs.folder, ids));
  CHECK(ids.messages.size() == 1);
}

TEST_CASE("what a client wrote into a line is not taken for an id") {
  const Logs logs;
  logs.add(
      "smtpd.log",
      R"(2026-11-22T04:10:01.000Z smtpd[1] info mta.enqueue helo="x qid=M9 \" sid=S9 " sid=S1 qid=M1 from=a@x)");
  logs.add("smtpd.log", R"(2026-11-22T04:10:02.000Z smtpd[1] info smtp.close helo="x \\" sid=S1)");
  auto forged = message("M9");
  CHECK(follow(logs.folder, forged)->empty());
  auto real = message("M1");
  CHECK(names_of(*follow(logs.folder, real)) == "mta.enqueue smtp.close");
}
