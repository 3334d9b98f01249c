// Mailboxes behind the commit journal: the power is cut at moments and in ways that are drawn, and everything
// that was answered is there after the replay, once and whole.
//
// The disk after a cut: what processes wrote since the journal's last checkpoint is there or not, each sector
// and each name for itself. So before the cut a copy of the partition is kept; after it every file is mixed
// of the old and the new one. The journal itself is what it was: it is synced before anything is answered.
#include <fcntl.h>
#include <unistd.h>

#include <random>

#include "common/base/durable.h"
#include "common/base/journal_control.h"
#include "store/detail/paths.h"
#include "store/mailbox/files.h"
#include "t/unit/store/crash_child.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;
namespace fs = std::filesystem;

namespace {
Result<> open_journal_of(const std::string& root, unsigned segments = 32) {
  TRY_VOID(durable::covers(root + "/store/partition/primary"));
  durable::JournalSettings settings;
  settings.root = root;
  settings.directory = root + "/journal";
  settings.control = root + "/run/journal";
  settings.segment_bytes = 1 << 20;
  settings.segments = segments;
  return durable::open_journal(std::move(settings));
}

constexpr std::size_t kSector = 512;

// A file that was old before and new in memory, as the disk may have it.
std::string mixed(const std::string& before, const std::string& after, std::mt19937& draw) {
  const std::size_t sizes[] = {before.size(), after.size(), std::max(before.size(), after.size())};
  std::string bytes(sizes[draw() % 3], '\0');
  for (std::size_t at = 0; at < bytes.size(); at += kSector) {
    const auto& from = draw() % 2 ? before : after;
    if (at < from.size()) from.copy(bytes.data() + at, std::min(kSector, bytes.size() - at), at);
  }
  return bytes;
}

// Puts a disk that the cut may have left into `to`.
void cut(const fs::path& before, const fs::path& after, const fs::path& to, unsigned seed) {
  std::mt19937 draw(seed);
  fs::remove_all(to);
  fs::copy(before, to, fs::copy_options::recursive);
  for (const auto& item : fs::recursive_directory_iterator(after)) {
    const auto name = fs::relative(item.path(), after);
    if (item.is_directory()) {
      if (draw() % 2) fs::create_directories(to / name);
      continue;
    }
    const bool was_there = fs::exists(before / name);
    if (!fs::exists((to / name).parent_path()) || (!was_there && draw() % 3 == 0)) continue;
    const auto old = was_there ? *read_file((before / name).string()) : std::string();
    REQUIRE(replace_file((to / name).string(), mixed(old, *read_file(item.path().string()), draw)));
  }
}
}  // namespace

TEST_CASE("journal child", "[.]") {
  const char* root = std::getenv("WAXWING_CRASH_ROOT");
  REQUIRE(root != nullptr);
  REQUIRE(open_journal_of(root));
  if (std::getenv("WAXWING_TEST_BOOT_ID") != nullptr) ::_exit(0);  // the replay was all
  const auto config = Config::load(root);
  REQUIRE(config);
  const auto store = *Store::open(*config);
  work(*store, root, 9);
  ::_exit(0);  // not by the way out that makes a checkpoint
}

// Fills a journal of two segments while nobody can make room: no record longer than these has any.
void fill(const durable::ControlBlock& control, const std::string& path) {
  constexpr std::size_t kRecord = 88;
  static const auto file = *open_file(path, O_RDWR | O_CREAT);
  durable::Batch batch;
  for (int n = 0; n < 30000; ++n) batch.content(file.get(), path);
  durable::commit_async(std::move(batch), [](const Result<>&) {});
  const auto size = control.segment_bytes;
  for (;; std::this_thread::yield()) {
    const durable::RobustLock lock(const_cast<pthread_mutex_t&>(control.append));
    const auto end = durable::log_end(control).lsn;
    if (end / size > control.checkpointed / size && size - end % size < kRecord) return;
  }
}

// A purge replaces the index of a mailbox. While its commit hangs at the journal, the new index has its name
// already; whoever opens it must not write to it yet. Status 0: so it was; others say what was not.
TEST_CASE("journal child that purges", "[.]") {
  const char* root = std::getenv("WAXWING_CRASH_ROOT");
  REQUIRE(root != nullptr);
  REQUIRE(open_journal_of(root, 2));
  const auto config = Config::load(root);
  REQUIRE(config);
  const auto store = *Store::open(*config);
  const auto mailbox =
      std::static_pointer_cast<MailboxFiles>(*store->open_mailbox(*MailboxName::make("bob", "INBOX")));
  for (int n = 0; n < 3; ++n) REQUIRE(mailbox->append_bytes(sample("message"), 0, {}, {}));
  REQUIRE(mailbox->expunge({{1, 1}}, false));
  const auto path = index_path(mailbox->directory());
  const auto generation = read_index_header(path)->generation;
  const auto lock_file = open_file(std::string(root) + "/journal/lock", O_RDWR);
  const auto control = durable::Control::attach(std::string(root) + "/run/journal", lock_file->get());
  REQUIRE(*control);
  std::thread purge;
  UniqueFd renamed;
  bool locked = false;
  {
    const durable::RobustLock nobody_makes_room((*control)->checkpoint);
    fill(**control, std::string(root) + "/store/partition/primary/f");
    purge = std::thread([&] { (void)mailbox->purge(wall_seconds() + 60); });
    while (read_index_header(path)->generation == generation) std::this_thread::yield();
    renamed = *open_file(path, O_RDWR);
    locked = locked_by_others(renamed.get(), kLockAt);
  }
  purge.join();
  const bool let_go = !locked_by_others(renamed.get(), kLockAt);
  const bool works = mailbox->append_bytes(sample("after"), 0, {}, {}).has_value();
  ::_exit(!locked ? 2 : !let_go ? 3 : !works ? 4 : 0);
}

TEST_CASE("nobody writes to a new index before its commit has ended") {
  Sandbox box;
  box.mailbox("bob");
  box.reopen();
  CHECK(run_child(box.root(), "", "", "journal child that purges") == 0);
}

TEST_CASE("after a power cut the journal brings back what was answered") {
  Sandbox box;
  for (const auto* folder : {"INBOX", "folder"}) box.mailbox("bob", folder);
  box.mailbox("cleo");
  box.reopen();
  const fs::path root = box.root(), partition = root / "store/partition/primary";
  fs::copy(partition, root / "before", fs::copy_options::recursive);
  CHECK(run_child(box.root(), "", "", "journal child") == 0);
  CHECK(said(box.root()).size() >= 20);
  fs::copy(partition, root / "after", fs::copy_options::recursive);
  fs::copy(root / "journal", root / "journal.kept", fs::copy_options::recursive);

  const std::string boot = "0123456789abcdef0123456789abcdef";
  for (unsigned seed = 0; seed < 40; ++seed) {
    INFO("seed " << seed);
    box.stop_stored();
    if (seed == 0) {  // nothing at all reached the disk
      fs::remove_all(partition);
      fs::copy(root / "before", partition, fs::copy_options::recursive);
    } else {
      cut(root / "before", root / "after", partition, seed);
    }
    // The mark is on disk before anything is journaled.
    fs::copy_file(root / "after/.journal", partition / ".journal", fs::copy_options::overwrite_existing);
    fs::remove_all(root / "journal");
    fs::copy(root / "journal.kept", root / "journal", fs::copy_options::recursive);
    fs::remove(root / "run/journal");
    REQUIRE(run_child(box.root(), "", boot, "journal child") == 0);
    ::setenv("WAXWING_TEST_BOOT_ID", boot.c_str(), 1);
    box.start_stored();
    box.reopen();
    compare(box);
    // What is repeated is recognised, whatever part of it the disk had.
    for (const auto& line : said(box.root())) {
      if (!line.starts_with("delivered ")) continue;
      const auto id = line.substr(10);
      const auto again = deliver(box.store(), sample("s" + id),
                                 {{.user = "bob", .delivery_id = id, .may_repeat_since = 0},
                                  {.user = "cleo", .delivery_id = id, .may_repeat_since = 0}});
      CHECK(again[0].outcome == Delivered::repeated);
      CHECK(again[1].outcome == Delivered::repeated);
    }
    box.reopen();
    ::unsetenv("WAXWING_TEST_BOOT_ID");
  }
}

// Delivers "lost", commits it and dies before it is shown; or "kept", who takes the place of a dead one.
TEST_CASE("journal child that delivers", "[.]") {
  const char* root = std::getenv("WAXWING_CRASH_ROOT");
  REQUIRE(root != nullptr);
  REQUIRE(open_journal_of(root));
  const auto store = *Store::open(*Config::load(root));
  const auto mailbox = *store->open_mailbox(*MailboxName::make("bob", "INBOX"));
  const bool first = mailbox->status().uidnext == 1;
  REQUIRE(mailbox->append_bytes(sample(first ? "lost" : "kept")));
  ::_exit(0);
}

// Status 0: every message that is shown is there.
TEST_CASE("journal child that looks", "[.]") {
  const char* root = std::getenv("WAXWING_CRASH_ROOT");
  REQUIRE(root != nullptr);
  REQUIRE(open_journal_of(root));
  const auto store = *Store::open(*Config::load(root));
  const auto mailbox = *store->open_mailbox(*MailboxName::make("bob", "INBOX"));
  const auto view = *mailbox->view(false);
  for (std::uint32_t n = 1; n <= view->exists(); ++n) {
    CHECK(view->message(n).modseq != 0);
    const auto bytes = mailbox->open_message(view->message(n));
    REQUIRE(bytes);
    CHECK(*bytes->read(0, bytes->size()) == sample("kept"));
  }
  REQUIRE(view->exists() == 1);
  REQUIRE(mailbox->append_bytes(sample("kept")));
  ::_exit(0);
}

// The log has the record of the first message as it was committed, and nothing of what was made of it since.
TEST_CASE("a replay without a restart of the system is mended after like one with it") {
  Sandbox box;
  (void)box.mailbox("bob");
  REQUIRE(run_child(box.root(), "store.land.publish=exit", "", "journal child that delivers") == 137);
  REQUIRE(run_child(box.root(), "", "", "journal child that delivers") == 0);
  REQUIRE(fs::remove(box.root() + "/run/journal"));
  CHECK(run_child(box.root(), "", "", "journal child that looks") == 0);
  // And what comes later, in the same run, is mended once only.
  CHECK(run_child(box.root(), "", "", "journal child that delivers") == 0);
}
