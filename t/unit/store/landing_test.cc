// Writers of one mailbox at the same moment: who stands behind whom, and what each has been told by then.
#include "common/log/log.h"
#include "store/mailbox/draft.h"
#include "store/mailbox/files.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
Result<Landing> land(MailboxFiles& mailbox, Draft& draft, std::string_view message) {
  TRY_VOID(draft.write(message));
  TRY(auto incoming, incoming_from(draft.inner(), {}));
  std::vector<Incoming> one;
  one.push_back(std::move(incoming));
  return mailbox.land(one, {});
}
}  // namespace

TEST_CASE("usage that is summed up counts what is on its way") {
  Sandbox box;
  const auto mailbox = std::static_pointer_cast<MailboxFiles>(box.mailbox("bob"));
  REQUIRE(mailbox->append_bytes(sample("before"), 0, {}, {}));
  auto draft = mailbox->begin_append(0, {});
  REQUIRE(draft);
  auto landing = land(*mailbox, *draft, sample("on its way"));
  REQUIRE(landing);
  auto& account = mailbox->account();
  REQUIRE(account.sum_up());
  CHECK(account.usage().messages == 2);
  REQUIRE(landing->publish());
  CHECK(account.usage().messages == 2);
  REQUIRE(account.sum_up());
  CHECK(account.usage().messages == 2);
  CHECK(account.usage().bytes == static_cast<std::int64_t>(mailbox->status().size));
}

TEST_CASE("usage that is summed up while mail comes and goes is right in the end") {
  Sandbox box;
  const auto mailbox = std::static_pointer_cast<MailboxFiles>(box.mailbox("bob"));
  std::atomic<bool> over{false};
  std::thread mends([&] {
    while (!over) (void)mailbox->account().sum_up();
  });
  for (int n = 0; n < 150; ++n) {
    const auto appended = mailbox->append_bytes(sample("message"), 0, {}, {});
    REQUIRE(appended);
    if (n % 3 == 0) REQUIRE(mailbox->expunge({{appended->uids[0], appended->uids[0]}}, false));
  }
  over = true;
  mends.join();
  CHECK(mailbox->account().usage().messages == 100);
  CHECK(mailbox->account().usage().bytes == static_cast<std::int64_t>(mailbox->status().size));
}

// The last sum begins while the change is under way, so no later one mends what it does.
TEST_CASE("usage that is summed up amid a change of many messages is right") {
  Sandbox box;
  const auto mailbox = std::static_pointer_cast<MailboxFiles>(box.mailbox("bob"));
  auto& account = mailbox->account();
  REQUIRE(mailbox->append_bytes(sample("message"), 0, {}, {}));
  const UidSet all{{1, 0xffffffff}};
  while (mailbox->status().messages < 2048) REQUIRE(mailbox->copy(all, *mailbox, {}));
  const auto sum_until = [&](const std::function<bool()>& changing) {
    return std::thread([&account, changing] {
      while (!changing()) std::this_thread::yield();
      (void)account.sum_up();
    });
  };
  const auto used = [&] { return account.usage().messages; };
  const auto shown = [&] { return std::int64_t{mailbox->status().messages}; };
  SECTION("they go") {
    auto sum = sum_until([&] { return shown() < 2048; });
    REQUIRE(mailbox->expunge({{1, mailbox->status().uidnext - 2}}, false));
    sum.join();
    CHECK(used() == 1);
  }
  SECTION("more come") {
    auto sum = sum_until([&] { return used() > 2048; });
    REQUIRE(mailbox->copy(all, *mailbox, {}));
    sum.join();
    CHECK(used() == 4096);
  }
  CHECK(used() == shown());
  CHECK(account.usage().bytes == static_cast<std::int64_t>(mailbox->status().size));
}

TEST_CASE("an append behind one that is not done answers when it is shown") {
  for (const bool given_up : {false, true}) {
    Sandbox box;
    const auto mailbox = std::static_pointer_cast<MailboxFiles>(box.mailbox("bob"));
    auto draft = mailbox->begin_append(0, {});
    REQUIRE(draft);
    auto first = std::make_optional(land(*mailbox, *draft, sample("first")));
    REQUIRE(*first);
    std::uint32_t shown = 0;
    std::thread behind([&] {
      const auto appended = mailbox->append_bytes(sample("second"), 0, {}, {});
      if (appended) shown = mailbox->status().messages;
    });
    const auto map = mailbox->generation()->index->map(2);
    const auto& record = map->record(1);
    while (load(record.uid) == 0 || (load(record.flags) & kReserved) != 0) std::this_thread::yield();
    if (!given_up) CHECK((*first)->publish());
    first.reset();
    behind.join();
    CHECK(shown == (given_up ? 1 : 2));
  }
}

TEST_CASE("who stops waiting for a writer that is not done says so, and how often") {
  Sandbox box;
  const auto mailbox = std::static_pointer_cast<MailboxFiles>(box.mailbox("bob"));
  auto draft = mailbox->begin_append(0, {});
  REQUIRE(draft);
  auto first = land(*mailbox, *draft, sample("first"));
  REQUIRE(first);
  const auto index = mailbox->generation()->index;
  const auto logs = box.root() + "/shown";
  REQUIRE(make_directories(logs));
  log::open({.directory = logs, .program = "test"});
  CHECK_FALSE(index->wait_until_shown(1, mailbox->account(), 1));
  CHECK_FALSE(index->wait_until_shown(1, mailbox->account(), 1));
  CHECK(first->publish());
  CHECK(index->wait_until_shown(1, mailbox->account(), 1));
  log::open({.level = log::Level::critical});
  const auto text = read_file(logs + "/test.log");
  REQUIRE(text);
  CHECK(std::ranges::count(*text, '\n') == 2);
  const std::vector<std::string> parts{"error store.shown.late", mailbox->directory(),
                                       "cause=", "action=", "times=2"};
  for (const auto& part : parts) {
    INFO(part);
    CHECK(text->find(part) != std::string::npos);
  }
}
