// Damage of every kind, and what opening or reconstruct makes of it.
#include <unistd.h>

#include <fstream>

#include "common/base/path.h"
#include "store/detail/paths.h"
#include "store/engine/inner.h"
#include "store/mailbox/index.h"
#include "store/mailbox/rebuild.h"
#include "store/maintenance/list_check.h"
#include "t/unit/bad_disk.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
// Three messages, the second flagged, the first expunged; closed.
MailboxEntry prepared(Sandbox& box) {
  const auto mailbox = box.mailbox("bob");
  for (const auto* subject : {"1", "2", "3"}) REQUIRE(mailbox->append_bytes(sample(subject)));
  REQUIRE(mailbox->store_flags({{2, 2}}, {FlagChange::How::add, kFlagged, {"kw"}, {}}));
  REQUIRE(mailbox->expunge({{1, 1}}, false));
  return mailbox->entry();
}
void check_two_left(Sandbox& box, bool with_flags) {
  const auto mailbox = box.mailbox("bob");
  const auto view = *mailbox->view(false);
  REQUIRE(view->exists() == 2);
  CHECK(view->uid(1) == 2);
  CHECK(view->uid(2) == 3);
  CHECK((view->message(1).flags == kFlagged) == with_flags);
  CHECK(view->uidnext() == 4);
  CHECK(mailbox->cached(view->message(2))->envelope.find("\"3\"") != std::string_view::npos);
  const auto bytes = mailbox->open_message(view->message(1));
  CHECK(*bytes->read(0, 10000) == sample("2"));
  CHECK((*mailbox->append_bytes(sample("4"))).uids[0] == 4);
}
}  // namespace

TEST_CASE("a record that rots is noticed after a restart and the index rebuilt") {
  Sandbox box;
  const auto entry = prepared(box);
  box.reopen();
  overwrite(index_path(entry.directory), kRecordsAt + 2 * kRecordBytes + 8, std::string(8, 'x'));
  ::setenv("WAXWING_TEST_BOOT_ID", "0123456789abcdef0123456789abcdef", 1);
  box.reopen();
  check_two_left(box, true);
  ::unsetenv("WAXWING_TEST_BOOT_ID");
}

TEST_CASE("counters of the index that rot lead nobody astray") {
  struct Row {
    const char* what;
    std::size_t at;
    std::string bytes;
  };
  const auto second = kRecordsAt + kRecordBytes;
  const Row rows[] = {
      {"chain of the dead leads out of the file", offsetof(IndexHeader, dead_head), std::string(4, '\xff')},
      {"chain leads to the living", offsetof(IndexHeader, dead_head), {"\2\0\0\0", 4}},
      {"chain in a circle", kRecordsAt + offsetof(IndexRecord, dead_link), {"\1\0\0\0", 4}},
      {"more dead than there are", offsetof(IndexHeader, dead_count), std::string(4, '\xff')},
      {"more slots taken than there are", offsetof(IndexHeader, tail), {"\0\0\1\0", 4}},
      {"more room than there is", offsetof(IndexHeader, capacity), std::string(4, '\xff')},
      {"UIDs that are taken", offsetof(IndexHeader, next_uid), {"\1\0\0\0", 4}},
      {"no UIDs left", offsetof(IndexHeader, next_uid), std::string(8, '\xff')},
      {"modseq beyond all", offsetof(IndexHeader, highestmodseq), std::string(8, '\xff')},
      {"modseq of a record beyond all", second + offsetof(IndexRecord, modseq), std::string(8, '\xff')},
      {"cache without end", offsetof(IndexHeader, cache_end), std::string(8, '\xff')},
      {"cache entry before the file", second + offsetof(IndexRecord, cache_offset), std::string(8, '\xff')},
      {"too many keywords", offsetof(IndexHeader, keyword_count), std::string(4, '\xff')},
  };
  for (const auto& row : rows) {
    INFO(row.what);
    Sandbox box;
    const auto entry = prepared(box);
    box.reopen();
    overwrite(index_path(entry.directory), row.at, row.bytes);
    check_two_left(box, true);
    (void)box.mailbox("bob")->expunged_since(1);
  }
}

TEST_CASE("half-written flags after a power cut: fresh modseq, the message stays") {
  Sandbox box;
  const auto entry = prepared(box);
  const auto before = box.mailbox("bob")->status().highestmodseq;
  box.reopen();
  overwrite(index_path(entry.directory), kRecordsAt + 2 * kRecordBytes + offsetof(IndexRecord, modseq),
            std::string(8, '\0'));
  overwrite(index_path(entry.directory), kRecordsAt + kRecordBytes + offsetof(IndexRecord, version), "\1");
  ::setenv("WAXWING_TEST_BOOT_ID", "0123456789abcdef0123456789abcdef", 1);
  box.reopen();
  check_two_left(box, true);
  const auto view = *box.mailbox("bob")->view(false);
  CHECK(view->message(2).modseq > before);
  ::unsetenv("WAXWING_TEST_BOOT_ID");
}

TEST_CASE("header, whole index or cache lost") {
  for (const std::string what : {"header", "short", "removed", "cache", "garbage cache"}) {
    INFO(what);
    Sandbox box;
    const auto entry = prepared(box);
    box.reopen();
    const auto path = index_path(entry.directory);
    if (what == "header") overwrite(path, 16, "xxxx");
    if (what == "short") REQUIRE(::truncate(path.c_str(), 100) == 0);
    if (what == "removed") REQUIRE(::unlink(path.c_str()) == 0);
    if (what == "cache") REQUIRE(::unlink(cache_path(entry.directory, 1).c_str()) == 0);
    if (what == "garbage cache") overwrite(cache_path(entry.directory, 1), 0, std::string(3000, 'z'));
    if (what == "short" || what == "removed") {
      // Nobody can know any more what was expunged.
      CHECK(box.mailbox("bob")->status().messages == 3);
      continue;
    }
    check_two_left(box, true);
  }
}

TEST_CASE("a delivery to a mailbox without its index waits or is made, and never fails for good") {
  Sandbox box;
  const auto entry = prepared(box);
  box.reopen();
  REQUIRE(::unlink(index_path(entry.directory).c_str()) == 0);
  const auto header = read_index_header(index_path(entry.directory));
  REQUIRE_FALSE(header);
  CHECK(header.error().fault == Fault::temporary);
  CHECK(box.store().status(entry)->messages == 3);
  REQUIRE(::unlink(index_path(entry.directory).c_str()) == 0);
  box.reopen();
  const auto results = deliver(box.store(), sample("4"), {{.user = "bob", .delivery_id = "4"}});
  CHECK(results[0].fine());
  CHECK(box.mailbox("bob")->status().messages == 4);
}

TEST_CASE("a mailbox that is being removed is gone, not damaged") {
  Sandbox box;
  const auto entry = prepared(box);
  REQUIRE(::unlink((entry.directory + "/store.name").c_str()) == 0);
  REQUIRE(::unlink(index_path(entry.directory).c_str()) == 0);
  const auto header = read_index_header(index_path(entry.directory));
  REQUIRE_FALSE(header);
  CHECK(code_of(header.error()) == Code::nonexistent);
}

TEST_CASE("reconstruct finds files, sets broken ones aside and tells what is lost") {
  Sandbox box;
  const auto entry = prepared(box);
  box.reopen();
  const auto account = *box.store().inner().mailboxes->account(parent_directory(entry.directory));
  const auto right = *rebuild_mailbox(entry, *account, {});
  CHECK_FALSE(right.rebuilt);
  CHECK(right.messages == 2);  // the third is expunged
  CHECK(rebuild_mailbox(entry, *account, {.force = true})->messages == 2);
  std::filesystem::copy_file(message_path(entry.directory, 2), message_path(entry.directory, 7));
  std::ofstream(message_path(entry.directory, 8)) << "half a mess";
  REQUIRE(::unlink(message_path(entry.directory, 3).c_str()) == 0);
  const auto check = rebuild_mailbox(entry, *account, {.check_only = true});
  CHECK_FALSE(check->rebuilt);
  CHECK_FALSE(check->reason.empty());
  const auto view = *box.mailbox("bob")->view(false);
  const auto report = *rebuild_mailbox(entry, *account, {});
  CHECK(report.rebuilt);
  CHECK(report.found == 2);
  CHECK(report.lost == 1);
  CHECK(report.damaged == 1);
  CHECK(report.messages == 2);
  CHECK(file_exists(message_path(entry.directory, 8) + ".bad"));
  const auto changes = view->sync(true);
  CHECK(changes.expunged == std::vector<std::uint32_t>{2});
  CHECK(changes.exists == 2);
  CHECK(view->uid(2) == 7);
  CHECK(view->message(1).flags == kFlagged);
  CHECK(box.store().quota_usage("bob")->messages == 2);
  CHECK(box.mailbox("bob")->append_bytes(sample("n"))->uids[0] == 9);
}

TEST_CASE("the mailbox list is rebuilt from the partitions") {
  Sandbox box;
  const auto entry = prepared(box);
  REQUIRE(box.store().create(*MailboxName::make("cleo@x.test", "Entw\xc3\xbcrfe/a"), "\\Drafts"));
  REQUIRE(box.store().rename(*MailboxName::make("cleo@x.test", "Entw\xc3\xbcrfe"),
                             *MailboxName::make("cleo@x.test", "Drafts")));
  box.stop_stored();
  SECTION("asked for") {
    const auto account = parent_directory(entry.directory);
    std::filesystem::rename(account, account + ".away");
    box.start_stored();
    box.reopen();
    CHECK(check_list(box.store(), {}, [](const std::string&) {})->forgotten == 1);
    CHECK(box.store().list("bob")->empty());
    std::filesystem::rename(account + ".away", account);
    const auto report = *check_list(box.store(), {}, [](const std::string&) {});
    CHECK(report.adopted == 1);
    CHECK(report.problems == 0);
  }
  SECTION("by itself, when the database is gone") {
    REQUIRE(remove_tree(box.root() + "/store/mboxlist"));
    box.start_stored();
    box.reopen();
  }
  SECTION("by itself, when the database is beyond recovery") {
    const auto names = list_directory(box.root() + "/store/mboxlist");
    for (const auto& name : *names)
      if (name.starts_with("log."))
        REQUIRE(replace_file(box.root() + "/store/mboxlist/" + name, "not a log at all, really not"));
    for (const auto* name : {"folder.db", "subscr.db"})
      REQUIRE(replace_file(box.root() + "/store/mboxlist/" + name, std::string(8192, 'x')));
    box.start_stored();
    box.reopen();
  }
  SECTION("by itself, when its table alone is gone or empty") {
    const auto path = box.root() + "/store/mboxlist/folder.db";
    const bool gone = GENERATE(true, false);
    REQUIRE((gone ? ::unlink(path.c_str()) == 0 : replace_file(path, std::string(8192, '\0')).has_value()));
    box.start_stored();
    box.reopen();
  }
  CHECK(box.store().find(*MailboxName::make("cleo@x.test", "Drafts/a")));
  CHECK(box.store().find(entry.name)->id == entry.id);
  CHECK(box.store().find(entry.name)->uidvalidity == entry.uidvalidity);
  check_two_left(box, true);
}

TEST_CASE("a row without files is forgotten") {
  Sandbox box;
  const auto entry = prepared(box);
  REQUIRE(box.store().create(*MailboxName::make("bob", "x")));
  REQUIRE(remove_tree(box.store().find(*MailboxName::make("bob", "x"))->directory));
  CHECK(check_list(box.store(), {.check_only = true}, [](const std::string&) {})->forgotten == 1);
  CHECK(check_list(box.store(), {}, [](const std::string&) {})->forgotten == 1);
  CHECK(box.store().list("bob")->size() == 1);
}

TEST_CASE("modseq and UIDVALIDITY never go back over a restart of the system") {
  Sandbox box;
  prepared(box);
  const auto before = box.mailbox("bob")->status();
  REQUIRE(box.store().create(*MailboxName::make("bob", "x")));
  const auto old = box.store().find(*MailboxName::make("bob", "x"))->uidvalidity;
  REQUIRE(box.store().remove(*MailboxName::make("bob", "x")));
  REQUIRE(box.store().create(*MailboxName::make("bob", "x")));
  CHECK(box.store().find(*MailboxName::make("bob", "x"))->uidvalidity > old);
  ::setenv("WAXWING_TEST_BOOT_ID", "0123456789abcdef0123456789abcdef", 1);
  box.reopen();
  const auto change = *box.mailbox("bob")->store_flags({{2, 2}}, {FlagChange::How::add, kSeen, {}, {}});
  CHECK(change.modseq > before.highestmodseq);
  ::unsetenv("WAXWING_TEST_BOOT_ID");
}

TEST_CASE("a version that is not known is refused with a clear message") {
  Sandbox box;
  const auto entry = prepared(box);
  box.reopen();
  overwrite(index_path(entry.directory), 8, "\x09");
  const auto opened = box.store().open_mailbox(entry);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().fault == Fault::permanent);
  CHECK(opened.error().text.find("version 9") != std::string::npos);
}

// Neither the messages nor what is known of them; and the expunged one stays away.
TEST_CASE("a disk that refuses a call during a rebuild costs nothing") {
  for (const bool force : {false, true}) {
    bool failed = true;
    for (long n = 1; failed; ++n) {
      Sandbox box;
      const auto entry = prepared(box);
      box.reopen();
      {
        const auto account = *Account::open(parent_directory(entry.directory));
        const BadDisk disk(entry.directory + "/", n, EIO);
        (void)rebuild_mailbox(entry, *account, {.force = force});
        failed = BadDisk::failed();
        INFO(BadDisk::site());
        CHECK((failed || n > 5));
      }
      INFO(n);
      check_two_left(box, true);
    }
  }
}

TEST_CASE(
    "a message that could not be read in a rebuild, and had no record, is not lost by the next mending") {
  Sandbox box;
  const auto entry = prepared(box);
  box.reopen();
  const auto path = message_path(entry.directory, 3);
  {
    const auto account = *Account::open(parent_directory(entry.directory));
    const BadDisk disk(path, 1, EIO);
    REQUIRE_FALSE(rebuild_mailbox(entry, *account, {.ignore_index = true}));
    REQUIRE(BadDisk::failed());
  }
  ::setenv("WAXWING_TEST_BOOT_ID", "0123456789abcdef0123456789abcdef", 1);
  box.reopen();
  CHECK((*box.mailbox("bob")->view(false))->exists() == 2);  // without the index, the expunged one is back
  ::unsetenv("WAXWING_TEST_BOOT_ID");
  CHECK((file_exists(path) || file_exists(path + ".bad")));
}
