// Messages that several move at the same time, and movers that die: each message ends in one place.
#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "store/mailbox/draft.h"
#include "store/mailbox/files.h"
#include "t/unit/store/crash_child.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
constexpr const char* kNewBoot = "0123456789abcdef0123456789abcdef";
const UidSet kAll{{1, 0xffffffff}};

std::shared_ptr<MailboxFiles> files_of(Store& store, const std::string& folder) {
  const auto entry = store.find_or_create(*MailboxName::make("bob", folder));
  REQUIRE(entry);
  return std::dynamic_pointer_cast<MailboxFiles>(*store.open_mailbox(*entry));
}

// One that has both mailboxes open for itself, as another process would.
struct Device {
  explicit Device(Sandbox& box)
      : store(box.another()), inbox(files_of(*store, "INBOX")), folder(files_of(*store, "folder")) {}
  std::shared_ptr<Store> store;
  std::shared_ptr<MailboxFiles> inbox, folder;
};

void fill(Mailbox& mailbox, int messages) {
  for (int n = 0; n < messages; ++n) REQUIRE(mailbox.append_bytes(sample("s" + std::to_string(n))));
}

// How often each subject is there.
std::map<std::string, int> subjects(Mailbox& mailbox) {
  std::map<std::string, int> found;
  const auto view = *mailbox.view(false);
  for (std::uint32_t n = 1; n <= view->exists(); ++n) {
    const auto bytes = mailbox.open_message(view->message(n));
    REQUIRE(bytes);
    const auto text = *bytes->read(0, bytes->size());
    const auto at = text.find("Subject: s") + 10;
    found[text.substr(at, text.find('\r', at) - at)] += 1;
  }
  CHECK(mailbox.status().messages == view->exists());
  return found;
}

void check_each_once(Mailbox& mailbox, int messages) {
  const auto found = subjects(mailbox);
  CHECK(found.size() == static_cast<std::size_t>(messages));
  for (const auto& [subject, count] : found) CHECK(count == 1);
}

std::size_t message_files(const std::string& directory) {
  std::size_t files = 0;
  for (const auto& at : std::filesystem::recursive_directory_iterator(directory))
    files += at.path().extension() == ".msg";
  return files;
}

// Another's message that is reserved in a folder: who comes behind it shows nothing before this one is given up.
struct Ahead {
  explicit Ahead(MailboxFiles& folder) : draft(folder.begin_append(0, {})) {
    REQUIRE(draft);
    REQUIRE(draft->write(sample("sahead")));
    std::vector<Incoming> one;
    one.push_back(*incoming_from(draft->inner(), {}));
    landing.emplace(folder.land(one, {}));
    REQUIRE(*landing);
  }
  void give_up() { landing.reset(); }
  Result<Draft> draft;
  std::optional<Result<Landing>> landing;
};

// Several move all of INBOX to folder; none is shown before all have made their copies.
std::vector<Copied> move_at_once(Sandbox& box, std::size_t movers, std::uint32_t messages) {
  const auto folder = files_of(box.store(), "folder");
  Ahead ahead(*folder);
  std::vector<Copied> moved(movers);
  std::vector<Device> devices;
  std::vector<std::thread> threads;
  std::atomic<bool> one_is_done{false};
  for (std::size_t n = 0; n < movers; ++n) devices.emplace_back(box);
  for (std::size_t n = 0; n < movers; ++n)
    threads.emplace_back([&, n] {
      auto done = devices[n].inbox->move(kAll, *devices[n].folder, {.messages = messages + 1});
      if (done) moved[n] = std::move(*done);
      one_is_done = true;
    });
  const auto index = folder->generation()->index;
  while (load(index->header().tail) < 1 + movers * messages && !one_is_done) std::this_thread::yield();
  ahead.give_up();  // gives its slot up
  for (auto& thread : threads) thread.join();
  return moved;
}
}  // namespace

TEST_CASE("whoever moves the same messages at the same time: each ends in one place, and one has moved it") {
  Sandbox box;
  const auto inbox = box.mailbox("bob"), folder = box.mailbox("bob", "folder");
  fill(*inbox, 10);
  const auto moved = move_at_once(box, 4, 10);
  CHECK(inbox->status().messages == 0);
  check_each_once(*folder, 10);
  CHECK(box.store().quota_usage("bob")->messages == 10);
  CHECK(message_files(folder->entry().directory) == 10);
  std::set<std::uint32_t> from, to;
  for (const auto& one : moved) {
    CHECK(one.from.size() == one.to.size());
    CHECK(one.uidvalidity == folder->entry().uidvalidity);
    for (const auto uid : one.from) CHECK(from.insert(uid).second);
    for (const auto uid : one.to) CHECK(to.insert(uid).second);
  }
  CHECK(from.size() == 10);
  std::set<std::uint32_t> there;
  const auto view = *folder->view(false);
  for (std::uint32_t n = 1; n <= view->exists(); ++n) there.insert(view->uid(n));
  CHECK(to == there);

  ::setenv("WAXWING_TEST_BOOT_ID", kNewBoot, 1);
  box.reopen();
  check_each_once(*box.mailbox("bob", "folder"), 10);
  CHECK(box.mailbox("bob")->status().messages == 0);
  ::unsetenv("WAXWING_TEST_BOOT_ID");
}

TEST_CASE("what another took while the copies were made is not shown; the rest is moved") {
  Sandbox box;
  const auto inbox = files_of(box.store(), "INBOX"), folder = files_of(box.store(), "folder");
  fill(*inbox, 6);
  Ahead ahead(*folder);
  Copied moved;
  std::thread mover([&] { moved = inbox->move(kAll, *folder, {}).value_or(Copied{}); });
  while (load(folder->generation()->index->header().tail) < 7) std::this_thread::yield();
  REQUIRE(inbox->expunge({{1, 1}, {4, 4}}, false));
  ahead.give_up();
  mover.join();
  CHECK(moved.from == std::vector<std::uint32_t>{2, 3, 5, 6});
  CHECK(moved.to == std::vector<std::uint32_t>{3, 4, 6, 7});
  for (const std::string boot : {"", kNewBoot}) {
    if (!boot.empty()) ::setenv("WAXWING_TEST_BOOT_ID", boot.c_str(), 1);
    box.reopen();
    check_each_once(*box.mailbox("bob", "folder"), 4);
    CHECK(box.mailbox("bob")->status().messages == 0);
    CHECK(box.store().quota_usage("bob")->messages == 4);
  }
  ::unsetenv("WAXWING_TEST_BOOT_ID");
}

TEST_CASE("copies that were given up and are not on disk as void would come back: the move fails") {
  Sandbox box;
  const auto inbox = files_of(box.store(), "INBOX"), folder = files_of(box.store(), "folder");
  fill(*inbox, 3);
  Ahead ahead(*folder);
  const auto commits = durable::counters().batches;
  Result<Copied> moved;
  std::thread mover([&] { moved = inbox->move(kAll, *folder, {}); });
  while (durable::counters().batches == commits) std::this_thread::yield();
  // Its commits come one after the other: when the expunge is durable the copies are.
  REQUIRE(inbox->expunge(kAll, false));
  arm_failpoints("durable.sync=eio");
  ahead.give_up();
  mover.join();
  arm_failpoints("");
  REQUIRE_FALSE(moved);
  CHECK(moved.error().fault == Fault::temporary);
}

TEST_CASE("movers of both directions do not wait for each other for ever, and nothing is lost") {
  Sandbox box;
  const auto inbox = box.mailbox("bob"), folder = box.mailbox("bob", "folder");
  fill(*inbox, 5);
  std::vector<Device> devices;
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int n = 0; n < 4; ++n) devices.emplace_back(box);
  for (std::size_t n = 0; n < 4; ++n)
    threads.emplace_back([&, n] {
      auto source = devices[n].inbox, target = devices[n].folder;
      if (n % 2 == 1) source.swap(target);
      for (int round = 0; round < 15; ++round)
        if (!source->move(kAll, *target, {})) failed += 1;
    });
  for (auto& thread : threads) thread.join();
  CHECK(failed == 0);
  REQUIRE(folder->move(kAll, *inbox, {}));
  check_each_once(*inbox, 5);
  CHECK(box.store().quota_usage("bob")->messages == 5);
}

TEST_CASE("a move within one mailbox gives new UIDs") {
  Sandbox box;
  const auto inbox = box.mailbox("bob");
  fill(*inbox, 3);
  const auto moved = inbox->move({{1, 2}}, *inbox, {.messages = 3});
  REQUIRE(moved);
  CHECK(moved->from == std::vector<std::uint32_t>{1, 2});
  CHECK(moved->to == std::vector<std::uint32_t>{4, 5});
  check_each_once(*inbox, 3);
  CHECK(box.store().quota_usage("bob")->messages == 3);
}

TEST_CASE("crash child that moves", "[.]") {
  const char* root = std::getenv("WAXWING_CRASH_ROOT");
  REQUIRE(root != nullptr);
  const auto config = Config::load(root);
  REQUIRE(config);
  const auto store = *Store::open(*config);
  const auto inbox = files_of(*store, "INBOX"), folder = files_of(*store, "folder");
  if (inbox->move({{1, 4}}, *folder, {})) say(root, "moved");
}

TEST_CASE("a move killed at any step leaves every message, and what was answered in one place") {
  for (const std::string point :
       {"store.land.reserved", "store.land.link@3", "durable.sync", "durable.sync@2", "store.move.copied",
        "store.move.shown", "store.expunge.marked", "none"}) {
    for (const std::string boot : {"", kNewBoot}) {
      INFO(point << (boot.empty() ? "" : " and a new boot id"));
      Sandbox box;
      fill(*box.mailbox("bob"), 6);
      box.mailbox("bob", "folder");
      const auto at = point.find('@');
      const auto armed = point.substr(0, at) + "=exit" + (at == std::string::npos ? "@1" : point.substr(at));
      const int status = run_child(box.root(), armed, "", "crash child that moves");
      CHECK((status == 137 || point.starts_with("durable") || point == "none"));
      if (!boot.empty()) ::setenv("WAXWING_TEST_BOOT_ID", boot.c_str(), 1);
      box.reopen();
      const auto inbox = box.mailbox("bob"), folder = box.mailbox("bob", "folder");
      auto here = subjects(*inbox), there = subjects(*folder);
      for (int n = 0; n < 6; ++n) {
        const auto subject = std::to_string(n);
        CHECK(here[subject] + there[subject] >= 1);
        CHECK(here[subject] <= 1);
        CHECK(there[subject] <= (n < 4 ? 1 : 0));
        if (said(box.root()).contains("moved")) CHECK(here[subject] == (n < 4 ? 0 : 1));
      }
      if (point == "none") CHECK(said(box.root()).contains("moved"));
      if (point == "store.move.copied" && boot.empty()) CHECK(inbox->status().messages == 6);
      if (point == "store.move.copied" && boot.empty()) CHECK(folder->status().messages == 0);
      CHECK(box.store().quota_usage("bob")->messages == inbox->status().messages + folder->status().messages);
      ::unsetenv("WAXWING_TEST_BOOT_ID");
    }
  }
}
