// Dies at every failpoint in turn, comes back, and compares with what had been answered.
//
// "Power cut" means: what the memory knew beyond the disk may be gone, so the next
// process runs under another boot id and trusts only checksums.
#include <fcntl.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "common/base/strings.h"
#include "store/detail/paths.h"
#include "store/mailbox/files.h"
#include "store/mailbox/index.h"
#include "store/maintenance/list_check.h"
#include "t/unit/store/crash_child.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

TEST_CASE("crash child", "[.]") {
  const char* root = std::getenv("WAXWING_CRASH_ROOT");
  REQUIRE(root != nullptr);
  const auto config = Config::load(root);
  REQUIRE(config);
  const auto store = *Store::open(*config);
  work(*store, root, 6);
}

TEST_CASE("killed at any step, nothing answered is lost and nothing is torn") {
  for (const std::string point :
       {"store.land.reserved", "store.land.link", "store.deliver.commit", "store.deliver.committed",
        "store.land.publish", "store.flags.changed", "store.expunge.marked", "durable.sync",
        "durable.syncdir", "store.cache.write", "spool.write"}) {
    for (const int pass : {1, 2, 5}) {
      for (const std::string boot : {"", "0123456789abcdef0123456789abcdef"}) {
        INFO(point << " pass " << pass << (boot.empty() ? "" : " and a new boot id"));
        Sandbox box;
        const int status = run_child(box.root(), point + "=exit@" + std::to_string(pass), "");
        CHECK((status == 137 || (status == 0 && pass > 1)));  // some steps are passed only a few times
        if (!boot.empty()) ::setenv("WAXWING_TEST_BOOT_ID", boot.c_str(), 1);
        box.reopen();
        compare(box);
        const auto before = box.mailbox("bob")->status();
        REQUIRE(box.mailbox("bob")->append_bytes(sample("s100")));
        const auto after = box.mailbox("bob")->status();
        CHECK(after.messages == before.messages + 1);
        CHECK(after.uidnext > before.uidnext);
        CHECK(after.highestmodseq > before.highestmodseq);
        ::unsetenv("WAXWING_TEST_BOOT_ID");
      }
    }
  }
}

TEST_CASE("crash child that purges", "[.]") {
  const char* root = std::getenv("WAXWING_CRASH_ROOT");
  REQUIRE(root != nullptr);
  const auto config = Config::load(root);
  REQUIRE(config);
  const auto store = *Store::open(*config);
  const auto inbox = *store->open_mailbox(*MailboxName::make("bob", "INBOX"));
  const auto mailbox = std::dynamic_pointer_cast<MailboxFiles>(inbox);
  REQUIRE(mailbox);
  (void)mailbox->purge(wall_seconds() + 1);
}

TEST_CASE(
    "a purge killed before or after the new index has its name: who had the old one open loses nothing") {
  for (const std::string point :
       {"store.next.written", "durable.publish", "durable.syncdir", "store.purge.replaced"}) {
    INFO(point);
    Sandbox box;
    const auto mailbox = box.mailbox("bob");
    for (int n = 0; n < 4; ++n) REQUIRE(mailbox->append_bytes(sample(std::to_string(n))));
    const auto view = *mailbox->view(true);
    REQUIRE(mailbox->expunge({{1, 1}}, false));
    CHECK(run_child(box.root(), point + "=exit@1", "", "crash child that purges") == 137);
    // Answered: so it must be there for everybody.
    REQUIRE(mailbox->store_flags({{3, 3}}, {FlagChange::How::add, kFlagged, {"kw"}, {}}));
    REQUIRE(mailbox->append_bytes(sample("new")));
    REQUIRE(mailbox->expunge({{2, 2}}, false));
    CHECK(view->sync(true).new_messages);
    CHECK(view->exists() == 3);
    const auto store = box.another();
    const auto fresh = *store->open_mailbox(*MailboxName::make("bob", "INBOX"));
    const auto seen = *fresh->view(false);
    REQUIRE(seen->exists() == 3);
    CHECK(seen->uid(1) == 3);
    CHECK(seen->message(1).flags == kFlagged);
    CHECK(seen->uid(3) == 5);
  }
}

TEST_CASE("a delivery repeated after a kill is there once") {
  for (const std::string point :
       {"store.land.reserved", "store.deliver.commit", "store.deliver.committed", "store.land.publish"}) {
    for (const std::string boot : {"", "0123456789abcdef0123456789abcdef"}) {
      INFO(point << boot);
      Sandbox box;
      CHECK(run_child(box.root(), point + "=exit@2", "") == 137);
      if (!boot.empty()) ::setenv("WAXWING_TEST_BOOT_ID", boot.c_str(), 1);
      box.reopen();
      for (const std::string user : {"bob", "cleo"}) {
        const auto again =
            deliver(box.store(), sample("s0"), {{.user = user, .delivery_id = "0", .may_repeat_since = 0}});
        CHECK(again[0].fine());
        const auto mailbox = box.mailbox(user);
        const auto view = *mailbox->view(false);
        int found = 0;
        for (std::uint32_t n = 1; n <= view->exists(); ++n)
          if (mailbox->cached(view->message(n))->envelope.find("\"s0\"") != std::string_view::npos)
            found += 1;
        CHECK(found == 1);
      }
      ::unsetenv("WAXWING_TEST_BOOT_ID");
    }
  }
}

TEST_CASE("a full disk is a temporary error and nothing stays behind") {
  for (const std::string point : {"store.land.link", "durable.sync", "store.cache.write", "spool.write",
                                  "store.index.allocate", "store.deliver.commit"}) {
    INFO(point);
    Sandbox box;
    const auto mailbox = box.mailbox("bob");
    for (int n = 0; n < 32; ++n)
      REQUIRE(mailbox->append_bytes(sample("x")));  // the next one must grow the index
    arm_failpoints(point + "=enospc");
    const auto result = deliver(box.store(), sample("full"), {{.user = "bob"}})[0];
    arm_failpoints("");
    CHECK(result.outcome == Delivered::no_space);
    CHECK(mailbox->status().messages == 32);
    CHECK(box.store().quota_usage("bob")->messages == 32);
    CHECK(deliver(box.store(), sample("full"), {{.user = "bob"}})[0].outcome == Delivered::ok);
    CHECK((*mailbox->view(false))->exists() == 33);
    std::size_t files = 0;
    for (const auto& at : std::filesystem::recursive_directory_iterator(box.root() + "/store"))
      files += at.path().extension() == ".msg";
    CHECK(files == 33);
  }
}

namespace {
MailboxName folder_of(const std::string& folder) {
  return *MailboxName::make("bob", folder);
}
}  // namespace

TEST_CASE("crash child with stored", "[.]") {
  const char* root = std::getenv("WAXWING_CRASH_ROOT");
  REQUIRE(root != nullptr);
  const auto config = Config::load(root);
  REQUIRE(config);
  const StoredThread stored(*config);
  const auto store = *Store::open(*config);
  for (const auto* folder : {"INBOX", "a", "a/b", "c"})
    if (store->create(folder_of(folder))) say(root, std::string("created ") + folder);
  if (store->rename(folder_of("a"), folder_of("z"))) say(root, "renamed");
  if (store->remove(folder_of("c"))) say(root, "removed");
  if (store->subscribe("bob", folder_of("z"))) say(root, "subscribed");
}

TEST_CASE("stored killed at any step: the list has what was answered, and its files") {
  int died = 0;
  for (const std::string point :
       {"store.list.begin", "store.list.commit", "store.list.committed", "stored.create.files",
        "stored.remove.row", "durable.sync", "durable.syncdir"}) {
    for (int pass = 1; pass <= 9; pass += point.starts_with("durable") ? 3 : 1) {
      INFO(point << " pass " << pass);
      const std::string root = std::filesystem::temp_directory_path() / ("waxwing-store-" + unique_id());
      make_instance(root);
      died += run_child(root, point + "=exit@" + std::to_string(pass), "", "crash child with stored") == 137;
      Sandbox box(root, "");
      const auto answered = said(root);
      const bool renamed = box.store().find(folder_of("z")).has_value();
      if (answered.contains("renamed")) CHECK(renamed);
      // Both or neither.
      if (answered.contains("created a/b")) {
        CHECK(box.store().find(folder_of("a")).has_value() == !renamed);
        CHECK(box.store().find(folder_of("z/b")).has_value() == renamed);
        CHECK(box.store().find(folder_of("a/b")).has_value() == !renamed);
      }
      if (answered.contains("created INBOX")) CHECK(box.store().find(folder_of("INBOX")));
      if (answered.contains("removed")) CHECK_FALSE(box.store().find(folder_of("c")));
      if (answered.contains("subscribed")) CHECK(box.store().subscriptions("bob")->size() == 1);
      const auto list = box.store().list("bob");
      REQUIRE(list);
      for (const auto& entry : *list) {
        INFO(entry.name.text());
        CHECK((*box.store().open_mailbox(entry))->append_bytes(sample("x")));
      }
      // What is in the partition and not in the list is at most what was under way: a create's files.
      const auto report = *check_list(box.store(), {.check_only = true}, [](const std::string&) {});
      CHECK(report.forgotten == 0);
      CHECK(report.adopted <= 1);
    }
  }
  CHECK(died >= 30);
}
