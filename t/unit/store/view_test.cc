#include <sys/inotify.h>
#include <unistd.h>

#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
void fill(Mailbox& mailbox, int count) {
  for (int n = 1; n <= count; ++n) REQUIRE(mailbox.append_bytes(sample("m" + std::to_string(n))));
}
FlagChange add(std::uint32_t flags, std::vector<std::string> keywords = {}) {
  return {FlagChange::How::add, flags, std::move(keywords), {}};
}
}  // namespace

TEST_CASE("sequence numbers stay until sync, then tell what happened") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  fill(*mailbox, 5);
  const auto view = *mailbox->view(true);
  REQUIRE(view->exists() == 5);
  CHECK(view->recent() == 5);
  CHECK_FALSE(view->stale());
  REQUIRE(*mailbox->expunge({{2, 2}, {4, 4}}, false) == UidSet{{2, 2}, {4, 4}});
  fill(*mailbox, 1);
  REQUIRE(mailbox->store_flags({{1, 1}, {5, 5}}, add(kSeen)));
  CHECK(view->stale());
  CHECK(view->exists() == 5);
  CHECK(view->uid(4) == 4);
  auto changes = view->sync(false);
  CHECK(changes.expunged.empty());
  CHECK(changes.expunges_waiting);
  CHECK(changes.new_messages);
  CHECK(changes.exists == 6);
  CHECK(changes.changed == std::vector<std::uint32_t>{1, 5});
  changes = view->sync(true);
  CHECK(changes.expunged == std::vector<std::uint32_t>{4, 2});
  CHECK(changes.vanished == UidSet{{2, 2}, {4, 4}});
  CHECK(changes.exists == 4);
  CHECK(changes.recent == 4);
  CHECK(view->uid(1) == 1);
  CHECK(view->uid(2) == 3);
  CHECK(view->uid(3) == 5);
  CHECK(view->uid(4) == 6);
  CHECK(view->sequence_of(5) == 3);
  CHECK(view->sequence_of(4) == 0);
  CHECK(view->sequence_from(4) == 3);
  CHECK(view->sequence_from(7) == 5);
  CHECK(view->first_unseen() == 2);
  CHECK_FALSE(view->stale());
  CHECK(view->sync(true).empty());
}

TEST_CASE("a view opened after expunges sees no holes") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  fill(*mailbox, 6);
  REQUIRE(mailbox->expunge({{1, 2}, {5, 5}}, false));
  const auto view = *mailbox->view(false);
  REQUIRE(view->exists() == 3);
  CHECK(view->uid(1) == 3);
  CHECK(view->uid(2) == 4);
  CHECK(view->uid(3) == 6);
  CHECK(view->uidnext() == 7);
}

TEST_CASE("another process's changes are seen, more than the ring holds too") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  fill(*mailbox, 3);
  const auto other = box.another();
  const auto theirs = *other->open_mailbox(*MailboxName::make("bob", "INBOX"));
  const auto view = *theirs->view(false);
  REQUIRE(view->exists() == 3);
  for (int n = 0; n < 300; ++n) {
    REQUIRE(mailbox->store_flags({{2, 2}}, add(kFlagged)));
    REQUIRE(mailbox->store_flags({{2, 2}}, {FlagChange::How::remove, kFlagged, {}, {}}));
  }
  REQUIRE(mailbox->store_flags({{3, 3}}, add(kDeleted)));
  REQUIRE(mailbox->expunge({{1, 100}}, true));
  const auto changes = view->sync(true);
  CHECK(changes.expunged == std::vector<std::uint32_t>{3});
  CHECK(changes.changed == std::vector<std::uint32_t>{2});
}

TEST_CASE("recent belongs to one selecting session") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  fill(*mailbox, 2);
  CHECK(mailbox->status().recent == 2);
  CHECK((*mailbox->view(false))->recent() == 2);
  const auto first = *mailbox->view(true);
  CHECK(first->recent() == 2);
  CHECK((*mailbox->view(true))->recent() == 0);
  CHECK(mailbox->status().recent == 0);
  const auto second = *mailbox->view(true);
  fill(*mailbox, 1);
  CHECK(second->sync(true).recent == 1);
  CHECK(first->sync(true).recent == 2);
  CHECK(second->is_recent(3));
  CHECK_FALSE(first->is_recent(3));
}

TEST_CASE("silent changes are left out, others are not") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  fill(*mailbox, 2);
  const auto view = *mailbox->view(true);
  const auto mine = *mailbox->store_flags({{1, 2}}, add(kSeen));
  view->leave_out(mine.changed, mine.modseq);
  REQUIRE(mailbox->store_flags({{2, 2}}, add(kFlagged)));
  CHECK(view->sync(false).changed == std::vector<std::uint32_t>{2});
}

TEST_CASE("flags, keywords and unchanged_since") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  fill(*mailbox, 3);
  const auto first = *mailbox->store_flags({{1, 2}}, add(kSeen, {"$Forwarded", "work"}));
  CHECK(first.changed == UidSet{{1, 2}});
  CHECK(mailbox->keywords() == std::vector<std::string>{"$Forwarded", "work"});
  CHECK(mailbox->status().unseen == 1);
  CHECK(mailbox->status().highestmodseq == first.modseq);
  auto again = *mailbox->store_flags({{1, 1}}, add(kSeen));
  CHECK(again.changed.empty());
  CHECK(again.modseq == 0);
  FlagChange change{FlagChange::How::replace, kAnswered, {"WORK"}, first.modseq - 1};
  const auto guarded = *mailbox->store_flags({{1, 3}}, change);
  CHECK(guarded.modified == UidSet{{1, 2}});
  CHECK(guarded.changed == UidSet{{3, 3}});
  const auto view = *mailbox->view(true);
  CHECK(view->message(3).flags == kAnswered);
  CHECK(view->message(3).keywords.has(1));
  CHECK_FALSE(view->message(3).keywords.has(0));
  CHECK(code_of(mailbox->store_flags({{1, 1}}, add(0, {"a b"})).error()) == Code::cannot);
  CHECK(code_of(mailbox->store_flags({{1, 1}}, add(0, {std::string(64, 'x')})).error()) == Code::limit);
}

TEST_CASE("keyword table is full at 128") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  fill(*mailbox, 1);
  for (std::size_t n = 0; n < kMaxKeywords; ++n)
    REQUIRE(mailbox->store_flags({{1, 1}}, add(0, {"k" + std::to_string(n)})));
  CHECK(code_of(mailbox->store_flags({{1, 1}}, add(0, {"more"})).error()) == Code::limit);
  CHECK((*mailbox->view(false))->message(1).keywords.has(127));
}

TEST_CASE("copy and move keep what belongs to a message") {
  Sandbox box;
  const auto inbox = box.mailbox("bob");
  const auto folder = box.mailbox("bob", "Sent/2026");
  fill(*inbox, 3);
  REQUIRE(folder->append_bytes(sample("old")));
  REQUIRE(folder->store_flags({{1, 1}}, add(0, {"other"})));
  REQUIRE(inbox->store_flags({{2, 2}}, add(kSeen | kFlagged, {"todo"})));
  const auto before = (*inbox->view(false))->message(2);
  const auto copied = *inbox->copy({{2, 9}}, *folder, {});
  CHECK(copied.from == std::vector<std::uint32_t>{2, 3});
  CHECK(copied.to == std::vector<std::uint32_t>{2, 3});
  CHECK(copied.uidvalidity == folder->entry().uidvalidity);
  const auto after = (*folder->view(false))->message(2);
  CHECK(after.flags == before.flags);
  CHECK(after.keywords.has(1));
  CHECK(after.email_id == before.email_id);
  CHECK(after.thread_id == before.thread_id);
  CHECK(after.internal_date == before.internal_date);
  CHECK(folder->cached_now(after));
  const auto moved = *inbox->move({{1, 1}}, *folder, {.bytes = 1});
  CHECK(moved.to == std::vector<std::uint32_t>{4});
  CHECK(inbox->status().messages == 2);
  CHECK(box.store().quota_usage("bob")->messages == 6);
  CHECK(code_of(inbox->copy({{2, 2}}, *folder, {.bytes = 1}).error()) == Code::over_quota);
  CHECK(folder->status().messages == 4);
}

namespace {
// The watch is there before we look, so that no removal is missed.
void wait_until_gone(const std::string& directory, const std::string& file) {
  const UniqueFd watch(::inotify_init1(IN_CLOEXEC));
  REQUIRE(::inotify_add_watch(watch.get(), directory.c_str(), IN_DELETE) >= 0);
  char events[4096];
  while (file_exists(directory + file)) REQUIRE(::read(watch.get(), events, sizeof events) > 0);
}
}  // namespace

TEST_CASE("a purge drops what was expunged; sessions go on") {
  Sandbox box("store.cleanupage = 0\nstore.purgeinterval = 1\n");
  const auto mailbox = box.mailbox("bob");
  fill(*mailbox, 5);
  const auto view = *mailbox->view(true);
  REQUIRE(mailbox->store_flags({{5, 5}}, add(kSeen)));
  const auto since = mailbox->status().highestmodseq;
  REQUIRE(mailbox->expunge({{2, 3}}, false));
  wait_until_gone(mailbox->entry().directory + "/00", "/2.msg");
  CHECK(view->stale());
  CHECK(view->sync(false).expunges_waiting);
  CHECK(view->exists() == 5);
  fill(*mailbox, 1);
  const auto changes = view->sync(true);
  CHECK(changes.expunged == std::vector<std::uint32_t>{3, 2});
  CHECK(changes.vanished == UidSet{{2, 3}});
  CHECK(changes.exists == 4);
  CHECK(changes.new_messages);
  CHECK(view->uid(4) == 6);
  CHECK(mailbox->cached_now(view->message(2)));
  CHECK(mailbox->expunged_since(since) == UidSet{{2, 3}});
  CHECK(mailbox->expunged_since(mailbox->status().highestmodseq) == UidSet{});
  CHECK(mailbox->status().uidnext == 7);
}

TEST_CASE("quota by bytes and by messages") {
  Sandbox box;
  const auto message = sample("q");
  const QuotaLimit two{.bytes = static_cast<std::int64_t>(message.size()) * 2, .messages = -1};
  for (int n = 0; n < 2; ++n)
    CHECK(deliver(box.store(), message, {{.user = "bob", .limit = two}})[0].outcome == Delivered::ok);
  CHECK(deliver(box.store(), message, {{.user = "bob", .limit = two}})[0].outcome == Delivered::over_quota);
  CHECK(deliver(box.store(), message, {{.user = "bob", .limit = two, .ignore_quota = true}})[0].fine());
  CHECK(deliver(box.store(), message, {{.user = "bob", .limit = {.bytes = 5}}})[0].outcome ==
        Delivered::never_fits);
  const auto mailbox = box.mailbox("bob");
  CHECK(code_of(mailbox->append_bytes(message, 0, {}, {.messages = 3}).error()) == Code::over_quota);
  REQUIRE(mailbox->expunge({{1, 2}}, false));
  CHECK(mailbox->append_bytes(message, 0, {}, {.messages = 3}));
  CHECK(box.store().quota_usage("bob")->messages == 2);
}

TEST_CASE("a repeated delivery is recognised, also when expunged") {
  Sandbox box;
  const DeliveryTarget target{.user = "bob", .delivery_id = "QID1/bob", .may_repeat_since = wall_seconds()};
  REQUIRE(deliver(box.store(), sample("r"), {target})[0].outcome == Delivered::ok);
  box.reopen();
  CHECK(deliver(box.store(), sample("r"), {target})[0].outcome == Delivered::repeated);
  REQUIRE(box.mailbox("bob")->expunge({{1, 1}}, false));
  CHECK(deliver(box.store(), sample("r"), {target})[0].outcome == Delivered::repeated);
  auto other = target;
  other.delivery_id = "QID2/bob";
  CHECK(deliver(box.store(), sample("r"), {other})[0].outcome == Delivered::ok);
}

TEST_CASE("delivery to a folder, missing or not") {
  Sandbox box;
  const auto to = [&](const std::string& folder, bool create) {
    return deliver(box.store(), sample("f"), {{.user = "bob", .folder = folder, .create_folder = create}})[0]
        .mailbox;
  };
  CHECK(to("lists", false) == "user/bob/INBOX");
  CHECK(to("lists", true) == "user/bob/lists");
  CHECK(to("lists", false) == "user/bob/lists");
  CHECK(to("bad//name", true) == "user/bob/INBOX");
}

TEST_CASE("many threads write to one mailbox") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  const auto other = box.another();
  const auto theirs = *other->open_mailbox(*MailboxName::make("bob", "INBOX"));
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int n = 0; n < 20; ++n) {
        auto& target = t % 2 ? *mailbox : *theirs;
        if (!target.append_bytes(sample(std::to_string(t) + "-" + std::to_string(n)))) ++failures;
        if (!target.store_flags({{1, 1000}}, add(n % 2 ? kSeen : kFlagged))) ++failures;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  const auto view = *mailbox->view(true);
  REQUIRE(view->exists() == 160);
  std::set<std::string> subjects;
  for (std::uint32_t n = 1; n <= 160; ++n) {
    CHECK(view->uid(n) == n);
    const auto cached = mailbox->cached_now(view->message(n));
    REQUIRE(cached);
    subjects.insert(std::string(cached->envelope));
  }
  CHECK(subjects.size() == 160);
  CHECK(mailbox->status().messages == 160);
}
