#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <mutex>

#include "store/detail/paths.h"
#include "store/engine/inner.h"
#include "store/list/protocol.h"
#include "store/maintenance/list_check.h"
#include "store/stored/event_hub.h"
#include "store/stored/list_db.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
MailboxName name(const std::string& folder) {
  return *MailboxName::make("bob", folder);
}
std::vector<std::string> folders(Store& store) {
  std::vector<std::string> names;
  const auto list = store.list("bob");
  REQUIRE(list);
  for (const auto& entry : *list) names.push_back(entry.name.folder);
  return names;
}
// Collects events and waits for them.
class Listener {
 public:
  Events::Handler handler() {
    return [this](const Event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      changed_.notify_all();
    };
  }
  void wait_for(EventKind kind) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return std::any_of(events_.begin(), events_.end(),
                         [&](const Event& event) { return event.kind == kind; });
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
};
}  // namespace

TEST_CASE("names are checked and canonical") {
  CHECK(MailboxName::parse("user/bob/inbox")->text() == "user/bob/INBOX");
  CHECK(MailboxName::parse("user/bob@x.test/Inbox/a")->text() == "user/bob@x.test/INBOX/a");
  for (const auto* bad : {"", "user/", "user/bob", "user/bob/", "user//x", "user/bob//x", "user/bob/x/",
                          "bob/INBOX", "user/bob/a\x01", "user/bob/\xff\xfe"})
    CHECK_FALSE(MailboxName::parse(bad));
  CHECK(code_of(MailboxName::make("bob", std::string(1001, 'x')).error()) == Code::cannot);
}

TEST_CASE("create, list, rename, remove") {
  Sandbox box;
  auto& store = box.store();
  REQUIRE(store.create(name("INBOX")));
  const auto sent = *store.create(name("Sent"), "\\Sent");
  CHECK(sent.special_use == "\\Sent");
  REQUIRE(store.create(name("a/b")));
  REQUIRE(store.create(name("a/b/c")));
  CHECK(code_of(store.create(name("Sent")).error()) == Code::already_exists);
  CHECK(folders(store) == std::vector<std::string>{"INBOX", "Sent", "a/b", "a/b/c"});
  REQUIRE(store.rename(name("a"), name("z")));
  CHECK(folders(store) == std::vector<std::string>{"INBOX", "Sent", "z/b", "z/b/c"});
  CHECK(code_of(store.rename(name("z/b"), name("z/b/d")).error()) == Code::cannot);
  CHECK(code_of(store.rename(name("Sent"), name("z/b")).error()) == Code::already_exists);
  CHECK(code_of(store.find(name("a/b")).error()) == Code::nonexistent);
  REQUIRE(store.remove(name("z/b")));
  CHECK(code_of(store.remove(name("z/b")).error()) == Code::nonexistent);
  CHECK(folders(store) == std::vector<std::string>{"INBOX", "Sent", "z/b/c"});
  const auto again = *store.create(name("z/b"));
  CHECK(again.id != sent.id);
  CHECK(store.find(name("Sent"))->special_use == "\\Sent");
}

TEST_CASE("what is renamed or removed elsewhere is noticed") {
  Sandbox box;
  const auto other = box.another();
  REQUIRE(box.store().create(name("x")));
  const auto mailbox = *other->open_mailbox(name("x"));
  REQUIRE(mailbox->append_bytes(sample("1")));
  Listener heard;
  const auto watch = other->events().watch_mailbox(mailbox->entry().id, heard.handler());
  REQUIRE(box.store().rename(name("x"), name("y")));
  heard.wait_for(EventKind::mailbox_renamed);
  CHECK(mailbox->entry().name == name("y"));
  REQUIRE(mailbox->append_bytes(sample("2")));
  CHECK(box.mailbox("bob", "y")->status().messages == 2);
  const auto view = *mailbox->view(true);
  REQUIRE(box.store().remove(name("y")));
  CHECK(view->sync(true).deleted);
  CHECK(code_of(mailbox->append_bytes(sample("3")).error()) == Code::nonexistent);
  CHECK(box.store().quota_usage("bob")->messages == 0);
  // The same name again is another mailbox.
  REQUIRE(box.store().create(name("y")));
  CHECK((*other->open_mailbox(name("y")))->status().messages == 0);
}

TEST_CASE("renaming INBOX moves its messages") {
  Sandbox box;
  REQUIRE(box.mailbox("bob")->append_bytes(sample("1")));
  REQUIRE(box.store().rename(name("INBOX"), name("old")));
  CHECK(box.store().status(name("INBOX"))->messages == 0);
  CHECK(box.store().status(name("old"))->messages == 1);
}

TEST_CASE("subscriptions need no mailbox") {
  Sandbox box;
  for (const auto* folder : {"b", "a", "INBOX"}) REQUIRE(box.store().subscribe("bob", name(folder)));
  REQUIRE(box.store().subscribe("bobby", name("c")));
  REQUIRE(box.store().unsubscribe("bob", name("b")));
  REQUIRE(box.store().unsubscribe("bob", name("never")));
  CHECK(*box.store().subscriptions("bob") == std::vector<MailboxName>{name("INBOX"), name("a")});
}

TEST_CASE("long lists come in pages") {
  Sandbox box;
  for (int n = 0; n < 205; ++n)
    REQUIRE(box.store().subscribe("bob", name("f" + std::to_string(n) + std::string(900, 'x'))));
  CHECK(box.store().subscriptions("bob")->size() == 205);
  for (int n = 0; n < 230; ++n) REQUIRE(box.store().create(name("f" + std::to_string(1000 + n))));
  CHECK(folders(box.store()).size() == 230);
}

TEST_CASE("status without opening") {
  Sandbox box;
  REQUIRE(box.mailbox("bob")->append_bytes(sample("1"), kSeen));
  REQUIRE(box.mailbox("bob")->append_bytes(sample("22")));
  box.reopen();
  const auto status = *box.store().status(name("INBOX"));
  CHECK(status.messages == 2);
  CHECK(status.unseen == 1);
  CHECK(status.recent == 2);
  CHECK(status.uidnext == 3);
  CHECK(status.size == sample("1").size() + sample("22").size());
  CHECK_FALSE(status.mailbox_id.empty());
}

TEST_CASE("events reach other processes at once") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  const auto other = box.another();
  Listener by_mailbox, by_user;
  const auto first = other->events().watch_mailbox(mailbox->entry().id, by_mailbox.handler());
  const auto second = other->events().watch_user("bob", by_user.handler());
  // stored has seen the watches when it has answered what came behind them.
  REQUIRE(other->list("bob"));
  REQUIRE(mailbox->append_bytes(sample("1")));
  by_mailbox.wait_for(EventKind::appended);
  by_user.wait_for(EventKind::appended);
  REQUIRE(mailbox->expunge({{1, 1}}, false));
  by_user.wait_for(EventKind::expunged);
}

TEST_CASE("stored away: known mailboxes work on, and all is well when it is back") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  Listener heard;
  const auto watch = box.store().events().watch_mailbox(mailbox->entry().id, heard.handler());
  REQUIRE(box.store().list("bob"));
  box.stop_stored();
  CHECK(deliver(box.store(), sample("1"), {{.user = "bob"}})[0].outcome == Delivered::ok);
  CHECK(mailbox->status().messages == 1);
  std::thread later([&] { box.start_stored(); });
  // Waits for stored instead of failing.
  CHECK(deliver(box.store(), sample("2"), {{.user = "newcomer"}})[0].outcome == Delivered::ok);
  later.join();
  heard.wait_for(EventKind::resync);
  CHECK(folders(box.store()) == std::vector<std::string>{"INBOX"});
}

TEST_CASE("without stored an unknown mailbox is a temporary error") {
  Sandbox box("store.stored.timeout = 1\n");
  REQUIRE(box.store().list("bob"));
  box.stop_stored();
  const auto found = box.store().find(name("INBOX"));
  REQUIRE_FALSE(found);
  CHECK(found.error().fault == Fault::temporary);
  CHECK(code_of(found.error()) == Code::unavailable);
}

TEST_CASE("a user has only so many folders and subscriptions") {
  Sandbox box("store.maxfolders = 3\n");
  auto& store = box.store();
  REQUIRE(store.create(name("one")));
  REQUIRE(store.create(name("two")));
  REQUIRE(store.create(name("three")));
  const auto refused = store.create(name("four"));
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == Code::limit);
  CHECK(store.find_or_create(name("INBOX")));
  CHECK(store.find_or_create(name("two")));
  CHECK(store.rename(name("two"), name("zwei")));
  CHECK(store.create(*MailboxName::make("bobby", "one")));
  REQUIRE(store.remove(name("one")));
  REQUIRE(store.remove(name("three")));
  CHECK(store.create(name("four")));
  for (const char* folder : {"a", "b", "c"}) REQUIRE(store.subscribe("bob", name(folder)));
  const auto one_more = store.subscribe("bob", name("d"));
  REQUIRE_FALSE(one_more);
  CHECK(code_of(one_more.error()) == Code::limit);
  CHECK(store.subscribe("bob", name("a")));
  REQUIRE(store.unsubscribe("bob", name("a")));
  CHECK(store.subscribe("bob", name("d")));
}

TEST_CASE("mail for a partition that is away waits, and nothing is made in its place") {
  Sandbox box;
  const auto partition = box.root() + "/store/partition/primary", elsewhere = box.root() + "/elsewhere";
  const auto first = deliver(box.store(), sample("a"), {{.user = "bob"}});
  REQUIRE(first[0].outcome == Delivered::ok);
  std::filesystem::rename(partition, elsewhere);
  REQUIRE(make_directories(partition));  // the mount point
  box.stop_stored();
  box.start_stored();
  box.reopen();
  for (const auto* user : {"bob", "new"})
    CHECK(deliver(box.store(), sample("b"), {{.user = user}})[0].outcome == Delivered::temporary);
  CHECK(code_of(box.store().open_mailbox(name("INBOX")).error()) == Code::unavailable);
  CHECK(code_of(box.store().status(name("INBOX")).error()) == Code::unavailable);
  CHECK_FALSE(check_list(box.store(), {}, [](const std::string&) {}));
  CHECK_FALSE(file_exists(partition + "/=user"));
  std::filesystem::remove_all(partition);
  std::filesystem::rename(elsewhere, partition);
  for (const auto* user : {"bob", "new"})
    CHECK(deliver(box.store(), sample("b"), {{.user = user}})[0].outcome == Delivered::ok);
  CHECK(box.mailbox("bob")->status().messages == 2);
}

TEST_CASE("a list that cannot be recovered for want of room is not taken for damaged") {
  Sandbox box;
  REQUIRE(box.store().create(name("INBOX")));
  REQUIRE(box.store().subscribe("bob", name("INBOX")));
  box.stop_stored();
  const auto directory = box.root() + "/store/mboxlist";
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_FSIZE, &none);
    const auto list = ListDb::open(directory, 1 << 20);
    ::_exit(list ? 1 : code_of(list.error()) == Code::corrupt ? 2 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  box.start_stored();
  box.reopen();
  CHECK(box.store().subscriptions("bob")->size() == 1);
}

TEST_CASE("who does not read the events is cut off, and nobody else") {
  int deaf[2], hearing[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, deaf) == 0);
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, hearing) == 0);
  const UniqueFd deaf_end(deaf[1]), hearing_end(hearing[1]);
  EventLoop loop;
  EventHub hub;
  const auto deaf_client = std::make_shared<EventHub::Client>(PacketSocket(loop, UniqueFd(deaf[0])));
  const auto hearing_client = std::make_shared<EventHub::Client>(PacketSocket(loop, UniqueFd(hearing[0])));
  hub.join(deaf_client);
  hub.join(hearing_client);
  Event event;
  event.kind = EventKind::mailbox_created;
  event.mailbox = std::string(30000, 'x');
  for (int n = 0; n < 3000; ++n) {
    hub.pass_on(event, nullptr);
    CHECK(receive_packet(hearing_end.get(), 1000));
  }
  CHECK(deaf_client->socket.broken());
  CHECK(deaf_client->socket.waiting_bytes() < 65 << 20);
  CHECK_FALSE(hearing_client->socket.broken());
  hub.close_all();
  loop.stop();
  loop.run();
}

TEST_CASE("a mailbox that comes back from a copy counts for the quota") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob", "Projects");
  REQUIRE(mailbox->append_bytes(sample("1")));
  const auto directory = box.store().find(name("Projects"))->directory, copy = box.root() + "/copy";
  std::filesystem::copy(directory, copy, std::filesystem::copy_options::recursive);
  REQUIRE(box.store().remove(name("Projects")));
  REQUIRE(box.store().create(name("INBOX")));
  CHECK(box.store().quota_usage("bob")->messages == 0);
  std::filesystem::remove_all(directory);
  std::filesystem::rename(copy, directory);
  const auto report = check_list(box.store(), {}, [](const std::string&) {});
  REQUIRE(report);
  CHECK(report->adopted == 1);
  CHECK(box.store().quota_usage("bob")->messages == 1);
  CHECK(box.mailbox("bob", "Projects")->status().messages == 1);
}

TEST_CASE("a row names a mailbox's own directory, or it is refused: its files go with it") {
  Sandbox box;
  auto entry = box.mailbox("bob", "Work")->entry();
  REQUIRE(box.store().remove(name("Work")));
  const auto good = user_directory("bob") + "/" + entry.id;
  const auto adopt = [&](const std::string& directory, const std::string& partition) {
    entry.directory = directory;
    entry.partition = partition;
    return box.store().inner().ask(std::move(Record("adopt").set("entry", encode_entry(entry))));
  };
  for (const auto& bad :
       {std::string(), std::string("."), std::string("=user"), "../" + good, good + "/..",
        user_directory("ann") + "/" + entry.id, user_directory("bob") + "/", std::string("/etc")}) {
    INFO(bad);
    const auto refused = adopt(bad, "primary");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::permanent);
  }
  CHECK_FALSE(adopt(good, "no such partition"));
  CHECK(adopt(good, "primary"));
  CHECK_FALSE(box.store().create(name("Odd"), "\\Sent\t\\Junk"));
}
