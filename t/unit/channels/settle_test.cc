#include "channels/master/settle.h"

#include <thread>

#include "common/base/failpoint.h"
#include "common/base/strings.h"
#include "common/net/loop.h"
#include "mta/address/site_routine.h"
#include "mta/config/mta_config.h"
#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::channels;
using namespace waxwing::test;
using mta::queue::FileName;
using mta::queue::Reader;
using mta::queue::Status;

namespace {

constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kNow = 1'795'000'000'000;

struct Bench {
  ScratchQueue scratch;
  std::shared_ptr<const mta::MtaConfig> config;
  std::unique_ptr<mta::notify::Notifier> notifier;
  WorkerPool workers{1};
  mta::queue::ChannelPolicy policy;
  FileName name;

  explicit Bench(const std::string& keywords = "", const std::string& sender = "a@example.test",
                 const std::string& mappings = "") {
    mta::SourceSet sources;
    sources.set_symbol("IMTA_HOST", "mail.example.test");
    sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.test");
    sources.set_file("imta.cnf",
                     "example.test $U%$D@mail.example.test\n\nl\nmail.example.test\n\ntcp_local " + keywords +
                         "\ntcp-daemon\n\nprocess\nprocess-daemon\n");
    if (!mappings.empty()) sources.set_file("mappings", mappings);
    auto parsed = mta::MtaConfig::parse(sources);
    INFO((parsed ? "" : parsed.error().text));
    REQUIRE(parsed);
    config = *parsed;
    notifier = std::make_unique<mta::notify::Notifier>("etc", config, scratch.queue, workers);
    policy.notice_seconds[1] = {3600, 7200, 10800};
    auto envelope = make_envelope("tcp_local", {"x@other.test", "y@other.test"}, "other.test");
    envelope.sender = sender;
    envelope.arrival_ms = kNow;
    name = enqueue(scratch, {envelope})[0];
  }

  UnitReport run(const std::function<void(Work&)>& deliver, std::int64_t now = kNow + 1000,
                 UnitMode mode = UnitMode::attempt) {
    auto reader = Reader::open(*scratch.queue, name);
    REQUIRE(reader);
    REQUIRE(reader->lock_host("other.test").value());
    Work work(std::move(*reader), "other.test");
    deliver(work);
    EventLoop loop;
    UnitReport report;
    loop.post([&] { spawn(settle_and_stop(loop, work, mode, *this, now, report)); });
    loop.run();
    return report;
  }
  static Task<void> settle_and_stop(EventLoop& loop, Work& work, UnitMode mode, Bench& bench,
                                    std::int64_t now, UnitReport& report) {
    const SettleContext context{*bench.config, *bench.notifier, bench.policy, *bench.scratch.queue,
                                bench.workers};
    report = co_await settle(work, mode, context, now);
    loop.stop();
  }

  // Texts of the notifications that are in the queue, and whom they are for.
  std::vector<std::pair<std::string, std::string>> notices() const {
    std::vector<std::pair<std::string, std::string>> found;
    if (!file_exists(scratch.root + "/queue/process")) return found;
    REQUIRE(scratch.queue->scan("process", [&](const FileName& file) {
      auto reader = Reader::open(*scratch.queue, file);
      REQUIRE(reader);
      CHECK(reader->envelope().sender.empty());
      found.emplace_back(reader->envelope().recipients[0].address, reader->read_message(0, 100000).value());
      return true;
    }));
    return found;
  }
  bool waits() const { return file_exists(scratch.queue->path_of(name)); }
  mta::queue::Envelope envelope() const { return Reader::open(*scratch.queue, name)->envelope(); }
};

void deliver_all(Work& work) {
  for (const auto i : work.pending()) work.delivered(i, "2.0.0 ok", "mx.other.test");
}

}  // namespace

TEST_CASE("all delivered: the file goes, nobody is told unless he asked") {
  Bench bench;
  CHECK(bench.run(deliver_all).kind == UnitReport::Kind::done);
  CHECK_FALSE(bench.waits());
  CHECK(bench.notices().empty());
}

namespace {
std::thread::id asked_by;

mta::RoutineAnswer note_thread(const mta::Lookup&, std::string_view) {
  asked_by = std::this_thread::get_id();
  return std::optional<std::string>();
}
}  // namespace

TEST_CASE("the mapping that chooses the words of a notification may wait: it is asked on a worker") {
  mta::add_built_in_routine("thread.so,note", note_thread);
  Bench bench("", "a@example.test", "NOTIFICATION_LANGUAGE\n\n  *  $[thread.so,note,x]\n");
  bench.run([](Work& work) { work.fail_rest("5.1.1 no such user"); });
  REQUIRE(bench.notices().size() == 1);
  CHECK(asked_by != std::thread::id());
  CHECK(asked_by != std::this_thread::get_id());
}

TEST_CASE("retry_by is the latest time, retry_at the time; a backoff that is shorter than the former holds") {
  constexpr std::int64_t kMinute = 60'000, kTried = kNow + 1000;
  Bench bench;
  bench.policy.backoff_seconds[1] = {60, 1800};
  const auto deferred = [&](std::int64_t by_ms, std::int64_t at_ms = 0) {
    return bench
        .run([&](Work& work) {
          work.defer_rest("4.7.1 451 greylisted");
          work.retry_by(by_ms);
          work.retry_at(at_ms);
        })
        .until_ms;
  };
  CHECK(deferred(kTried + 5 * kMinute) == 0);  // the first try: one minute
  CHECK(deferred(kTried + 5 * kMinute) == kTried + 5 * kMinute);
  CHECK(deferred(kTried + 5 * kMinute, kTried + 40 * kMinute) == kTried + 40 * kMinute);
  CHECK(deferred(0) == 0);
}

TEST_CASE("one refused: its sender is told, the other recipient waits") {
  Bench bench;
  const auto report = bench.run([](Work& work) {
    work.failed(0, "5.1.1 550 no such user", "mx.other.test");
    work.deferred(1, "4.2.1 450 later");
  });
  CHECK(report.kind == UnitReport::Kind::deferred);
  CHECK(report.attempted);
  CHECK(report.until_ms == 0);
  REQUIRE(bench.notices().size() == 1);
  const auto [to, text] = bench.notices()[0];
  CHECK(to == "a@example.test");
  CHECK(text.find("Final-Recipient: rfc822;x@other.test") != std::string::npos);
  CHECK(text.find("y@other.test") == std::string::npos);
  CHECK(text.find("Content-Type: message/rfc822") != std::string::npos);
  CHECK(text.find("The body.") != std::string::npos);
  const auto envelope = bench.envelope();
  CHECK(envelope.recipients[0].progress.status == Status::failed);
  CHECK(envelope.recipients[1].progress.status == Status::pending);
  CHECK(envelope.recipients[1].progress.attempts == 1);
  CHECK(envelope.recipients[1].progress.last_text == "4.2.1 450 later");
  CHECK(bench.run([](Work& work) { work.delivered(1, "2.0.0 ok"); }).kind == UnitReport::Kind::done);
  CHECK_FALSE(bench.waits());
}

TEST_CASE("warnings once at each notices time, the return at the last") {
  Bench bench;
  const auto defer = [](Work& work) { work.defer_rest("4.4.1 refused"); };
  CHECK(bench.run(defer, kNow + kHour - 1).notices == 0);
  CHECK(bench.notices().empty());
  CHECK(bench.run(defer, kNow + kHour).notices == 1);
  REQUIRE(bench.notices().size() == 1);
  CHECK(bench.notices()[0].second.find("Action: delayed") != std::string::npos);
  CHECK(bench.run(defer, kNow + kHour + 1000).notices == 1);
  CHECK(bench.notices().size() == 1);
  CHECK(bench.run(defer, kNow + 2 * kHour).notices == 2);
  CHECK(bench.notices().size() == 2);
  CHECK(bench.run(defer, kNow + 3 * kHour).kind == UnitReport::Kind::done);
  CHECK_FALSE(bench.waits());
  CHECK(bench.notices().size() == 3);
}

TEST_CASE("a message with an empty sender ends without a word, or at the postmaster's") {
  const auto fail = [](Work& work) { work.fail_rest("5.0.0 no"); };
  Bench silent("", "");
  CHECK(silent.run(fail).kind == UnitReport::Kind::done);
  CHECK(silent.notices().empty());
  Bench told("errsendpost", "");
  CHECK(told.run(fail).kind == UnitReport::Kind::done);
  REQUIRE(told.notices().size() == 1);
  CHECK(told.notices()[0].first.starts_with("postmaster@"));
}

TEST_CASE("sendpost and copysendpost copy failures to the postmaster, postheadonly without the body") {
  const auto fail = [](Work& work) { work.fail_rest("5.0.0 no"); };
  Bench both("sendpost postheadonly returnaddress pm@example.test");
  both.run(fail);
  auto notices = both.notices();
  REQUIRE(notices.size() == 2);
  for (const auto& [to, text] : notices)
    CHECK((text.find("The body.") == std::string::npos) == (to == "pm@example.test"));
  Bench copy("copysendpost", "");
  copy.run(fail);
  CHECK(copy.notices().empty());
}

TEST_CASE("a success that nobody asked to hear of is marked once") {
  Bench bench;
  arm_failpoints("queue.mark=eio@3");
  const auto report = bench.run([](Work& work) {
    work.delivered(0, "2.0.0 ok");
    work.delivered(1, "2.0.0 ok");
  });
  arm_failpoints("");
  CHECK(report.kind == UnitReport::Kind::done);
  CHECK(bench.notices().empty());
  CHECK_FALSE(bench.waits());
}

TEST_CASE("an operator's return needs no attempt") {
  Bench bench;
  const auto report = bench.run([](Work& work) { judge_untried(work, UnitMode::give_back, ""); }, kNow + 1,
                                UnitMode::give_back);
  CHECK(report.kind == UnitReport::Kind::done);
  REQUIRE(bench.notices().size() == 1);
  CHECK(bench.notices()[0].second.find("returned by the postmaster") != std::string::npos);
}

TEST_CASE("a unit that was not tried counts no attempt") {
  Bench bench;
  const auto report = bench.run([](Work& work) { judge_untried(work, UnitMode::notify, "no route"); },
                                kNow + kHour, UnitMode::notify);
  CHECK(report.kind == UnitReport::Kind::deferred);
  CHECK_FALSE(report.attempted);
  CHECK(report.notices == 1);
  CHECK(bench.envelope().recipients[0].progress.attempts == 0);
  CHECK(bench.notices().size() == 1);
}

TEST_CASE("hold keeps the marks of those who have a verdict") {
  Bench bench;
  const auto report = bench.run([](Work& work) {
    work.delivered(0, "2.0.0 ok");
    work.hold("over quota");
  });
  CHECK(report.kind == UnitReport::Kind::held);
  CHECK(report.text == "over quota");
  CHECK(bench.envelope().recipients[0].progress.status == Status::delivered);
  CHECK(bench.envelope().recipients[1].progress.status == Status::pending);
}

TEST_CASE("who is served while another waits is marked on disk, and so is a warning; a mere try is not") {
  Bench bench;
  const auto commits = [&](const std::function<void(Work&)>& deliver, std::int64_t now) {
    const auto before = durable::counters().batches;
    CHECK(bench.run(deliver, now).kind == UnitReport::Kind::deferred);
    return durable::counters().batches - before;
  };
  CHECK(commits([](Work& work) { work.defer_rest("4.4.1 refused"); }, kNow + 1000) == 0);
  CHECK(commits(
            [](Work& work) {
              work.delivered(0, "2.0.0 ok");
              work.deferred(1, "4.2.1 later");
            },
            kNow + 2000) == 1);
  const auto warned = commits([](Work& work) { work.defer_rest("4.4.1 refused"); }, kNow + kHour);
  CHECK(bench.notices().size() == 1);
  CHECK(warned == 2);  // the warning, and the mark that says so
}

TEST_CASE("no verdict is a deferral") {
  Bench bench;
  CHECK(bench.run([](Work&) {}).kind == UnitReport::Kind::deferred);
  CHECK(bench.envelope().recipients[0].progress.last_text == "4.3.0 no outcome");
}

TEST_CASE("a file that the disk does not let go of says so in its marks, and nobody is served again") {
  Bench bench;
  arm_failpoints("queue.remove=eio");
  CHECK(bench.run(deliver_all).kind == UnitReport::Kind::done);
  REQUIRE(bench.waits());
  for (const auto& recipient : bench.envelope().recipients)
    CHECK(recipient.progress.status == Status::delivered);
  bench.scratch.queue->remove_settled(bench.name);
  CHECK(bench.waits());
  arm_failpoints("");
  bench.scratch.queue->remove_settled(bench.name);
  CHECK_FALSE(bench.waits());
}

TEST_CASE("a file that can be neither removed nor marked waits, and loses nobody") {
  Bench bench;
  arm_failpoints(GENERATE("queue.remove=eio;queue.mark=eio", "queue.remove=eio;durable.sync=eio"));
  const auto report = bench.run(deliver_all);
  arm_failpoints("");
  CHECK(report.kind == UnitReport::Kind::deferred);
  CHECK_FALSE(report.attempted);
  REQUIRE(bench.waits());
  CHECK(bench.run(deliver_all, kNow + kHour).kind == UnitReport::Kind::done);
  CHECK_FALSE(bench.waits());
}

TEST_CASE("a full disk at any step loses no recipient and no notification") {
  for (const char* point :
       {"queue.create", "spool.write", "durable.sync", "durable.publish", "queue.mark", "queue.remove"}) {
    for (int at = 1; at <= 3; ++at) {
      Bench bench;
      const auto outcome = [](Work& work) {
        work.delivered(0, "2.0.0 ok");
        work.failed(1, "5.1.1 550 no");
      };
      INFO(point << " at " << at);
      arm_failpoints(std::string(point) + "=enospc@" + std::to_string(at));
      (void)bench.run(outcome);
      arm_failpoints("");
      if (!bench.waits()) {
        CHECK(bench.notices().size() == 1);
        continue;
      }
      const auto envelope = bench.envelope();
      // Told before it is marked as failed: a failed mark without a notification is the one thing that must
      // not be.
      if (envelope.recipients[1].progress.status == Status::failed) CHECK(bench.notices().size() == 1);
    }
  }
}

TEST_CASE("what is late by its sender's time is told of once, or goes back") {
  for (const bool returns : {false, true}) {
    INFO(returns);
    Bench bench;
    auto envelope = make_envelope("tcp_local", {"x@other.test"}, "other.test");
    envelope.arrival_ms = kNow;
    envelope.deliver_by_ms = kNow + 60'000, envelope.by_returns = returns;
    bench.name = enqueue(bench.scratch, {envelope})[0];
    const auto defer = [](Work& work) { work.defer_rest("4.4.1 refused"); };
    CHECK(bench.run(defer, kNow + 59'999).notices == 0);
    CHECK(bench.notices().empty());
    const auto report = bench.run(defer, kNow + 60'000);
    REQUIRE(bench.notices().size() == 1);
    const auto text = bench.notices()[0].second;
    CHECK(text.find("\r\nDeliver-By-Date: ") != std::string::npos);
    CHECK(text.find(returns ? "Action: failed" : "Action: delayed") != std::string::npos);
    CHECK(bench.waits() == !returns);
    if (returns) continue;
    CHECK(report.notices == 1);
    CHECK(bench.run(defer, kNow + 61'000).notices == 1);
    CHECK(bench.notices().size() == 1);
    CHECK(bench.run(defer, kNow + kHour).notices == 2);
  }
}

TEST_CASE("who asked for a trace hears of every relaying, but for NEVER") {
  struct Row {
    bool trace, lost;
    const char* notify;
    std::size_t told;
  };
  for (const Row row : {Row{true, false, "", 1}, Row{false, true, "", 1}, Row{false, false, "", 0},
                        Row{true, true, "NEVER", 0}, Row{true, false, "FAILURE", 1}}) {
    INFO(row.trace << row.lost << row.notify);
    Bench bench;
    auto envelope = make_envelope("tcp_local", {"x@other.test"}, "other.test");
    envelope.arrival_ms = kNow;
    envelope.deliver_by_ms = kNow + kHour, envelope.by_trace = row.trace;
    envelope.recipients[0].notify = row.notify;
    bench.name = enqueue(bench.scratch, {envelope})[0];
    bench.run([&](Work& work) {
      work.delivered_with_dsn(0, "2.0.0 ok", "mx.other.test");
      if (row.lost) work.deadline_lost(0);
    });
    REQUIRE(bench.notices().size() == row.told);
    if (row.told) CHECK(bench.notices()[0].second.find("Action: relayed") != std::string::npos);
  }
}

TEST_CASE("the time that a message is held does not count towards its return") {
  Bench bench;
  auto envelope = make_envelope("tcp_local", {"x@other.test"}, "other.test");
  envelope.arrival_ms = kNow;
  envelope.deferred_until_ms = kNow + 100 * kHour, envelope.future_release = "for;360000";
  bench.name = enqueue(bench.scratch, {envelope})[0];
  const auto defer = [](Work& work) { work.defer_rest("4.4.1 refused"); };
  CHECK(bench.run(defer, kNow + 100 * kHour + 1).notices == 0);
  CHECK(bench.run(defer, kNow + 101 * kHour).notices == 1);
  CHECK(bench.notices()[0].second.find("\r\nFuture-Release-Request: for;360000\r\n") != std::string::npos);
  bench.run(defer, kNow + 103 * kHour);
  CHECK_FALSE(bench.waits());
}
