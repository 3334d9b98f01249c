// What must not grow with the mailbox: figures are printed, only the growth of work is checked.
#include <chrono>

#include "store/mailbox/index.h"
#include "store/mailbox/next_index.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

TEST_CASE("a mailbox of 100,000 messages", "[.bench]") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  REQUIRE(mailbox->append_bytes(sample("1")));
  const auto entry = mailbox->entry();
  // Records only: opening a message is not what is measured.
  NextIndex next(entry.directory,
                 {.mailbox_id = entry.id, .uidvalidity = entry.uidvalidity, .generation = 2});
  for (std::uint32_t uid = 1; uid <= 100000; ++uid) {
    IndexRecord record{};
    record.uid = uid;
    record.size = 4096;
    record.modseq = uid + 1;
    record.save_date =
        wall_seconds();  // all of the last hour: each may be the message of a repeated delivery
    record.delivery_hash = uid;
    next.add(record, {});
  }
  next.next_uid = 100001;
  next.recent_uid = 100000;
  next.highestmodseq = 100001;
  REQUIRE(next.publish({}));
  box.reopen();
  const auto us = [](auto work, int times) {
    const auto start = std::chrono::steady_clock::now();
    for (int n = 0; n < times; ++n) work(n);
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() /
           times;
  };
  std::shared_ptr<Mailbox> opened;
  WARN("open " << us([&](int) { opened = box.mailbox("bob"); }, 1) << " us");
  std::unique_ptr<View> view;
  WARN("view " << us([&](int) { view = *opened->view(true); }, 1000) << " us");
  WARN("message " << us([&](int n) { (void)view->message(static_cast<std::uint32_t>(n) + 1); }, 100000)
                  << " us");
  WARN(
      "sequence_of " << us([&](int n) { (void)view->sequence_of(static_cast<std::uint32_t>(n) + 1); }, 100000)
                     << " us");
  WARN("flag, durable "
       << us(
              [&](int n) {
                const auto uid = static_cast<std::uint32_t>(n) * 97 + 1;
                (void)opened->store_flags({{uid, uid}}, {FlagChange::How::add, kSeen, {}, {}});
                (void)view->sync(false);
              },
              200)
       << " us");
  const auto deliver_one = [&](int n) {
    const DeliveryTarget target{
        .user = "bob", .delivery_id = "Q" + std::to_string(n), .may_repeat_since = wall_seconds()};
    (void)deliver(box.store(), sample("d"), {target});
  };
  WARN("deliver the first " << us(deliver_one, 1) << " us");
  WARN("deliver, durable " << us([&](int n) { deliver_one(n + 1); }, 200) << " us");
  WARN("deliver, repeated " << us([&](int n) { deliver_one(n); }, 200) << " us");
  WARN("append, durable " << us([&](int) { (void)opened->append_bytes(sample("a")); }, 200) << " us");
}
