// What ims_master makes of the store's answers: nothing that was accepted goes back for a trouble that passes.
#include "channels/ims_master/verdict.h"
#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::channels;
using namespace waxwing::test;
using mta::queue::Reader;
using store::Delivered;
using Kind = Work::Kind;

namespace {
constexpr std::int64_t kCame = 1'795'000'000'000, kGrace = 3'600'000;

struct Judged {
  ScratchQueue scratch;
  std::unique_ptr<Work> work;

  Judged(Delivered outcome, Quota what, std::int64_t now_ms = kCame) {
    auto envelope = make_envelope("ims-ms", {"joe@example.test"}, "ims-ms-daemon");
    envelope.arrival_ms = kCame;
    auto reader = Reader::open(*scratch.queue, enqueue(scratch, {envelope})[0]);
    REQUIRE(reader);
    work = std::make_unique<Work>(std::move(*reader), "ims-ms-daemon");
    judge(*work, 0, {.outcome = outcome, .text = "why", .mailbox = "user/joe/INBOX", .uid = 7},
          {what, kGrace}, now_ms);
  }
  const Work::Verdict& verdict() const { return work->verdict(0); }
};
}  // namespace

TEST_CASE("every answer of the store has its verdict, whatever is done with full mailboxes") {
  struct Row {
    Delivered outcome;
    Kind kind;
    const char* text;
  };
  const Row rows[] = {
      {Delivered::ok, Kind::delivered, "2.1.5 user/joe/INBOX uid 7"},
      {Delivered::repeated, Kind::delivered, "2.1.5 user/joe/INBOX uid 7"},
      {Delivered::never_fits, Kind::failed, "5.2.3 why"},
      {Delivered::no_space, Kind::deferred, "4.3.1 why"},
      {Delivered::temporary, Kind::deferred, "4.2.0 why"},
      {Delivered::permanent, Kind::failed, "5.2.0 why"},
  };
  for (const auto quota : {Quota::give_back_after_grace, Quota::hold, Quota::ignore})
    for (const auto& row : rows) {
      INFO(row.text);
      // However old the message is: only the notices of the channel give up what is tried again.
      const Judged judged(row.outcome, quota, kCame + 1000 * kGrace);
      CHECK(judged.verdict().kind == row.kind);
      CHECK(judged.verdict().text == row.text);
      CHECK(judged.work->hold_reason().empty());
    }
}

TEST_CASE("who is delivered says where to") {
  const Judged judged(Delivered::ok, Quota::hold);
  const std::vector<std::pair<std::string, std::string>> fields(judged.verdict().fields.begin(),
                                                                judged.verdict().fields.end());
  CHECK(fields ==
        std::vector<std::pair<std::string, std::string>>{{"mailbox", "user/joe/INBOX"}, {"uid", "7"}});
}

TEST_CASE("mail for a full mailbox waits for its grace period and goes back then, not before") {
  for (const auto now : {kCame, kCame + kGrace - 1}) {
    const Judged waits(Delivered::over_quota, Quota::give_back_after_grace, now);
    CHECK(waits.verdict().kind == Kind::deferred);
    CHECK(waits.verdict().text == "4.2.2 the mailbox is over its quota: why");
  }
  for (const auto now : {kCame + kGrace, kCame + 2 * kGrace}) {
    const Judged back(Delivered::over_quota, Quota::give_back_after_grace, now);
    CHECK(back.verdict().kind == Kind::failed);
    CHECK(back.verdict().text == "5.2.2 the mailbox is over its quota: why");
  }
}

TEST_CASE("mail for a full mailbox is held where the channel says so, however old it is") {
  const Judged judged(Delivered::over_quota, Quota::hold, kCame + 2 * kGrace);
  CHECK(judged.verdict().kind == Kind::none);
  CHECK(judged.work->hold_reason() == "a mailbox is over its quota: why");
}

TEST_CASE("two files of one message, and two recipients of one file, are different deliveries") {
  ScratchQueue scratch;
  const auto names = enqueue(scratch, {make_envelope("ims-ms", {"joe@example.test", "ann@example.test"}),
                                       make_envelope("ims-ms", {"joe@example.test"})});
  REQUIRE(names.size() == 2);
  REQUIRE(names[0].id == names[1].id);
  CHECK(delivery_id(names[0], 0) != delivery_id(names[1], 0));
  CHECK(delivery_id(names[0], 0) != delivery_id(names[0], 1));
  // A later attempt and a hold change the name, and the delivery is the same.
  auto later = names[0];
  later.attempts = 3, later.held = true;
  CHECK(delivery_id(later, 0) == delivery_id(names[0], 0));
}
