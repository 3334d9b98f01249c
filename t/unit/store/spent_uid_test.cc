// A UID is given once under one UIDVALIDITY, and the list of purged messages takes no other message away: whatever
// happens to the index, and however often.
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/path.h"
#include "common/spool/bytes.h"
#include "store/detail/paths.h"
#include "store/engine/inner.h"
#include "store/mailbox/files.h"
#include "store/mailbox/next_index.h"
#include "store/mailbox/rebuild.h"
#include "store/maintenance/list_check.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
// Messages 1 to 3, of which 2 and 3 were expunged and purged; closed.
MailboxEntry purged_behind_the_last(Sandbox& box) {
  MailboxEntry entry;
  {
    const auto mailbox = std::dynamic_pointer_cast<MailboxFiles>(box.mailbox("bob"));
    for (const auto* subject : {"1", "2", "3"}) REQUIRE(box.mailbox("bob")->append_bytes(sample(subject)));
    REQUIRE(mailbox->expunge({{2, 3}}, false));
    const auto purged = mailbox->purge(wall_seconds() + 1);
    REQUIRE(purged);
    REQUIRE(*purged);
    entry = mailbox->entry();
  }
  box.reopen();
  return entry;
}

std::vector<std::uint32_t> uids_of(Mailbox& mailbox) {
  const auto view = *mailbox.view(false);
  std::vector<std::uint32_t> uids;
  for (std::uint32_t n = 1; n <= view->exists(); ++n) uids.push_back(view->uid(n));
  return uids;
}

void lose(const std::string& what, const MailboxEntry& entry) {
  const auto index = index_path(entry.directory);
  if (what == "index") REQUIRE(::unlink(index.c_str()) == 0);
  if (what == "start of the index") overwrite(index, 0, std::string(kRecordsAt, '\0'));
  if (what == "index and list") {
    REQUIRE(::unlink(index.c_str()) == 0);
    REQUIRE(::unlink((entry.directory + "/store.exp").c_str()) == 0);
  }
  if (what == "index, list garbled") {
    REQUIRE(::unlink(index.c_str()) == 0);
    REQUIRE(replace_file(entry.directory + "/store.exp", "no list"));
  }
  if (what == "next UID") {
    overwrite(index, offsetof(IndexHeader, next_uid), std::string(8, '\xff'));
  }
}
}  // namespace

TEST_CASE("a UID never means another message, however often the index is lost") {
  for (const std::string what :
       {"index", "start of the index", "index and list", "index, list garbled", "next UID"}) {
    INFO(what);
    Sandbox box;
    const auto entry = purged_behind_the_last(box);
    auto before = box.mailbox("bob")->status().uidvalidity;
    box.reopen();
    std::uint32_t messages = 1;
    for (int round = 0; round < 3; ++round) {
      INFO(round);
      lose(what, entry);
      const auto appended = box.mailbox("bob")->append_bytes(sample("new"));
      REQUIRE(appended);
      const auto now = box.mailbox("bob")->status();
      CHECK(now.uidvalidity > before);
      CHECK(appended->uidvalidity == now.uidvalidity);
      CHECK(box.mailbox("bob")->entry().uidvalidity == now.uidvalidity);
      if (!what.ends_with("list") && !what.ends_with("garbled")) CHECK(appended->uids[0] > 3);
      CHECK(now.messages == ++messages);
      CHECK(file_exists(message_path(entry.directory, appended->uids[0])));
      before = now.uidvalidity;
      box.reopen();
    }
    CHECK(box.mailbox("bob")->status().uidvalidity == before);
    CHECK(rebuild_mailbox(box.mailbox("bob")->entry(),
                          *box.store().inner().mailboxes->account(parent_directory(entry.directory)).value(),
                          {})
              ->reason.empty());
  }
}

TEST_CASE("an index whose start is whole keeps its UIDVALIDITY when it is made anew") {
  Sandbox box;
  const auto entry = purged_behind_the_last(box);
  const auto before = box.mailbox("bob")->status().uidvalidity;
  box.reopen();
  const auto account = *box.store().inner().mailboxes->account(parent_directory(entry.directory));
  for (const auto& options : {RebuildOptions{.force = true}, RebuildOptions{.ignore_index = true},
                              RebuildOptions{.force = true, .forget_purged = true}}) {
    const auto report = rebuild_mailbox(entry, *account, options);
    REQUIRE(report);
    CHECK(report->rebuilt);
    CHECK(report->uidvalidity == before);
  }
  CHECK(box.mailbox("bob")->append_bytes(sample("new"))->uids[0] == 4);
}

TEST_CASE("the list of purged messages takes away that message only") {
  Sandbox box;
  MailboxEntry entry;
  const auto kept = box.root() + "/kept";
  {
    const auto mailbox = std::dynamic_pointer_cast<MailboxFiles>(box.mailbox("bob"));
    for (const auto* subject : {"1", "2", "3"}) REQUIRE(box.mailbox("bob")->append_bytes(sample(subject)));
    entry = mailbox->entry();
    std::filesystem::copy_file(message_path(entry.directory, 2), kept);
    REQUIRE(mailbox->expunge({{2, 3}}, false));
    REQUIRE(*mailbox->purge(wall_seconds() + 1));
  }
  box.reopen();
  const auto at = [&](std::uint32_t uid) { return message_path(entry.directory, uid); };
  SECTION("which a purge that was killed had left") {
    std::filesystem::copy_file(kept, at(2));
    REQUIRE(::unlink(index_path(entry.directory).c_str()) == 0);
    CHECK(uids_of(*box.mailbox("bob")) == std::vector<std::uint32_t>{1});
    CHECK_FALSE(file_exists(at(2)));
  }
  SECTION("and not another under its UID") {
    std::filesystem::copy_file(kept, at(3));
    REQUIRE(::unlink(index_path(entry.directory).c_str()) == 0);
    CHECK(uids_of(*box.mailbox("bob")) == std::vector<std::uint32_t>{1, 3});
    CHECK(file_exists(at(3)));
    // It is a message from now on: nothing says that it vanished.
    for (const auto list = *read_purged(entry.directory); const auto& message : list) CHECK(message.uid != 3);
  }
  SECTION("and nothing that an earlier version's list names by its UID alone") {
    std::string old = "WxPurge\n" + std::string("\1\0\0\0\0\0\0\0", 8);
    for (const auto list = *read_purged(entry.directory); const auto& message : list) {
      spool::put_le(old, message.uid);
      spool::put_le(old, static_cast<std::uint32_t>(
                             XXH3_64bits_withSeed(&message.modseq, sizeof message.modseq, message.uid)));
      spool::put_le(old, message.modseq);
    }
    REQUIRE(replace_file(entry.directory + "/store.exp", old));
    REQUIRE(read_purged(entry.directory)->size() == 2);
    std::filesystem::copy_file(kept, at(2));
    REQUIRE(::unlink(index_path(entry.directory).c_str()) == 0);
    CHECK(uids_of(*box.mailbox("bob")) == std::vector<std::uint32_t>{1, 2});
  }
  SECTION("and no message whose file was lost, and is put back") {
    const auto account = *box.store().inner().mailboxes->account(parent_directory(entry.directory));
    std::filesystem::rename(at(1), kept + "1");
    CHECK(rebuild_mailbox(entry, *account, {})->lost == 1);
    std::filesystem::rename(kept + "1", at(1));
    CHECK(rebuild_mailbox(entry, *account, {})->found == 1);
    CHECK(uids_of(*box.mailbox("bob")) == std::vector<std::uint32_t>{1});
  }
}

TEST_CASE("a session ends when its mailbox has got another UIDVALIDITY") {
  Sandbox box;
  const auto entry = purged_behind_the_last(box);
  const auto mailbox = box.mailbox("bob");
  const auto view = *mailbox->view(true);
  overwrite(index_path(entry.directory), 0, "not an index");
  const auto other = box.another();
  REQUIRE(other->open_mailbox(entry));
  CHECK(view->stale());
  CHECK(view->sync(true).deleted);
  CHECK(box.mailbox("bob")->entry().uidvalidity == (*other->open_mailbox(entry))->status().uidvalidity);
}

TEST_CASE("a mailbox without a readable index is adopted with the UIDVALIDITY that its new index has") {
  Sandbox box;
  const auto entry = purged_behind_the_last(box);
  const auto account = parent_directory(entry.directory);
  std::filesystem::rename(account, account + ".away");
  CHECK(check_list(box.store(), {}, [](const std::string&) {})->forgotten == 1);
  std::filesystem::rename(account + ".away", account);
  REQUIRE(::unlink(index_path(entry.directory).c_str()) == 0);
  CHECK(check_list(box.store(), {}, [](const std::string&) {})->adopted == 1);
  box.reopen();
  const auto row = *box.store().find(entry.name);
  CHECK(row.uidvalidity == box.mailbox("bob")->status().uidvalidity);
  CHECK(row.uidvalidity > entry.uidvalidity);
  CHECK(box.mailbox("bob")->append_bytes(sample("n"))->uids[0] > 3);
}
