// Where a message's bytes go on their way into mailboxes, and what happens when the disk refuses.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "common/spool/message_file.h"
#include "store/detail/paths.h"
#include "store/mailbox/files.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
std::string path_in(Sandbox& box, const std::string& user, std::uint32_t uid) {
  return message_path(box.mailbox(user)->entry().directory, uid);
}
struct stat stat_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info;
}
std::size_t drafts(Sandbox& box) {
  const auto top = box.root() + "/store/partition/primary/tmp";
  if (!file_exists(top)) return 0;
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top))
    if (entry.is_regular_file()) files += 1;
  return files;
}
std::string message_of(Mailbox& mailbox, std::uint32_t uid) {
  const auto view = *mailbox.view(false);
  const auto bytes = mailbox.open_message(view->message(view->sequence_of(uid)));
  REQUIRE(bytes);
  return *bytes->read(0, bytes->size());
}
std::string large_sample() {
  auto message = sample("large");
  for (int n = 0; n < 40000; ++n) message += "line " + std::to_string(n) + " of many\r\n";
  return message;
}
// As the queue leaves one.
spool::MessageFile queue_file(Sandbox& box, const std::string& message) {
  const auto path = box.root() + "/queued.00";
  auto fd = *open_file(path, O_RDWR | O_CREAT | O_TRUNC);
  spool::MessageFileWriter writer(fd.get());
  REQUIRE(writer.write(message));
  spool::Records records;
  records.add_number(spool::Tag::arrival_ms, 1700000000000);
  records.add(spool::Tag::email_id, "an-id");
  REQUIRE(writer.seal(spool::Kind::queue, records, 2, 64));
  auto file = spool::MessageFile::open(path);
  REQUIRE(file);
  return std::move(*file);
}
const std::vector<DeliveryTarget> kThree{{.user = "bob"}, {.user = "cleo"}, {.user = "dan"}};

struct FewDescriptors {
  explicit FewDescriptors(rlim_t count) {
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit few{count, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};
}  // namespace

namespace {
std::optional<int> flags_of(const std::string& directory) {
  const auto fd = open_file(directory, O_RDONLY | O_DIRECTORY);
  int flags = 0;
  if (!fd || ::ioctl(fd->get(), FS_IOC_GETFLAGS, &flags) != 0) return {};
  return flags;
}
// Where the file system knows the flag and takes it from us.
bool can_be_spread(const std::string& directory) {
  const auto fd = open_file(directory, O_RDONLY | O_DIRECTORY);
  int flags = 0;
  if (!fd || ::ioctl(fd->get(), FS_IOC_GETFLAGS, &flags) != 0) return false;
  flags |= FS_TOPDIR_FL;
  return ::ioctl(fd->get(), FS_IOC_SETFLAGS, &flags) == 0;
}
}  // namespace

TEST_CASE("accounts are spread over the disk, also in a partition that was made without") {
  const auto root = std::filesystem::temp_directory_path() / ("waxwing-store-" + unique_id());
  const bool was_there = GENERATE(false, true);
  const auto users = root.string() + "/store/partition/primary/=user";
  if (was_there) REQUIRE(make_directories(users));
  Sandbox box(root, "");
  REQUIRE(file_exists(users));
  REQUIRE(make_directories(root.string() + "/other"));
  if (can_be_spread(root.string() + "/other")) CHECK((flags_of(users).value_or(0) & FS_TOPDIR_FL) != 0);
}

TEST_CASE("a large draft is refused for now, and makes nothing, while its partition is away") {
  Sandbox box;
  const auto partition = box.root() + "/store/partition/primary";
  std::filesystem::remove_all(partition);
  std::filesystem::create_directories(partition);
  auto draft = box.store().begin_delivery();
  REQUIRE(draft);
  const auto written = draft->write(large_sample());
  REQUIRE_FALSE(written);
  CHECK(code_of(written.error()) == Code::unavailable);
  CHECK(written.error().fault == Fault::temporary);
  CHECK(std::filesystem::is_empty(partition));
}

TEST_CASE(
    "drafts lie in many folders; what a killed process left is removed, by its age, at the next start") {
  Sandbox box;
  std::vector<Draft> held;
  std::set<std::filesystem::path> folders;
  const auto top = box.root() + "/store/partition/primary/tmp";
  for (int n = 0; n < 10; ++n) {
    held.push_back(*box.store().begin_delivery());
    REQUIRE(held.back().write(large_sample()));
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top))
    if (entry.is_regular_file()) folders.insert(entry.path().parent_path());
  CHECK(folders.size() == 10);
  // One of an earlier version beside them, and one too young.
  REQUIRE(replace_file(top + "/old.msg", "x"));
  REQUIRE(replace_file(*folders.begin() / "old.msg", "x"));
  REQUIRE(replace_file(*folders.begin() / "young.msg", "x"));
  for (const auto& path : {top + "/old.msg", (*folders.begin() / "old.msg").string()}) {
    const timespec long_ago[2] = {{1700000000, 0}, {1700000000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), long_ago, 0) == 0);
  }
  CHECK(drafts(box) == 13);
  box.stop_stored();
  box.start_stored();
  box.stop_stored();  // waits for what it does at its start
  CHECK(drafts(box) == 11);
}

namespace {
// One message for user0, user1, ...: as the queue has it, or as a session brings it.
struct ToMany {
  ToMany(Sandbox& box, int users, bool from_queue)
      : file(queue_file(box, sample("to all"))), draft(*box.store().begin_delivery()) {
    for (int n = 0; n < users; ++n) targets.push_back({.user = "user" + std::to_string(n)});
    REQUIRE(draft.write(sample("to all")));
    if (from_queue)
      message.file = &file;
    else
      message.draft = &draft;
  }
  ToMany(const ToMany&) = delete;
  spool::MessageFile file;
  Draft draft;
  DeliveryMessage message;
  std::vector<DeliveryTarget> targets;
};
}  // namespace

TEST_CASE("a message may be for more mailboxes than can be open at once") {
  const FewDescriptors few(600);
  Sandbox box;
  const bool from_queue = GENERATE(true, false);
  ToMany many(box, 300, from_queue);
  const auto results = deliver(box.store(), many.message, many.targets);
  REQUIRE(results.size() == many.targets.size());
  for (const auto& result : results) CHECK(result.outcome == Delivered::ok);
  CHECK(stat_of(path_in(box, "user299", 1)).st_ino == stat_of(path_in(box, "user0", 1)).st_ino);
}

TEST_CASE("a draft of any size is one file for all mailboxes and leaves none in tmp") {
  Sandbox box;
  const auto message = GENERATE(sample("small"), large_sample());
  auto draft = *box.store().begin_delivery();
  for (std::size_t at = 0; at < message.size(); at += 1000) {
    CHECK(draft.stays_in_memory(1000) == (at + 1000 <= (64 << 10)));
    REQUIRE(draft.write(std::string_view(message).substr(at, 1000)));
  }
  CHECK(draft.size() == message.size());
  CHECK(drafts(box) == (message.size() > (64 << 10) ? 1 : 0));
  {
    auto used_up = std::move(draft);
    const auto results = deliver(box.store(), {.draft = &used_up, .log_id = "LOG1"}, kThree);
    for (const auto& result : results) CHECK(result.outcome == Delivered::ok);
    CHECK(used_up.message_id().find("@example.test") != std::string::npos);
  }
  CHECK(drafts(box) == 0);
  const auto first = stat_of(path_in(box, "bob", 1));
  CHECK(first.st_nlink == 3);
  CHECK(stat_of(path_in(box, "dan", 1)).st_ino == first.st_ino);
  CHECK(message_of(*box.mailbox("cleo"), 1) == message);
  const auto file = spool::MessageFile::open(path_in(box, "bob", 1));
  REQUIRE(file);
  CHECK(file->verify_message());
  CHECK(file->records().text(spool::Tag::queue_id) == "LOG1");
}

TEST_CASE("a draft that nobody delivers leaves nothing") {
  Sandbox box;
  {
    auto draft = *box.store().begin_delivery();
    REQUIRE(draft.write(large_sample()));
    CHECK(drafts(box) == 1);
  }
  CHECK(drafts(box) == 0);
}

TEST_CASE("a commit that the disk refused bounces nobody, those of the next commit neither") {
  Sandbox box;
  const bool from_queue = GENERATE(true, false);
  ToMany many(box, 70, from_queue);
  arm_failpoints("store.deliver.commit=enospc@1");
  const auto results = deliver(box.store(), many.message, many.targets);
  arm_failpoints("");
  REQUIRE(results.size() == many.targets.size());
  for (std::size_t n = 0; n < results.size(); ++n) {
    INFO(n << ": " << results[n].text);
    CHECK(results[n].outcome != Delivered::permanent);
    CHECK(results[n].text.find(box.root()) == std::string::npos);  // no mailbox of another's
    if (n < 64) CHECK(results[n].outcome == Delivered::no_space);
    if (n >= 64 && from_queue) CHECK(results[n].outcome == Delivered::ok);
  }
}

TEST_CASE("a mailbox whose index says another version waits for its mail") {
  Sandbox box;
  const auto path = index_path(box.mailbox("bob")->entry().directory);
  REQUIRE(deliver(box.store(), sample("before"), kThree)[0].fine());
  box.reopen();
  auto bytes = *read_file(path);
  bytes[8] = static_cast<char>(bytes[8] ^ 4);
  REQUIRE(replace_file(path, bytes));
  const auto results = deliver(box.store(), sample("behind"), kThree);
  CHECK(results[0].outcome == Delivered::temporary);
  CHECK(results[1].outcome == Delivered::ok);
}

TEST_CASE("a queue file is linked; behind a prefix it is written anew, once") {
  Sandbox box;
  const auto file = queue_file(box, sample("queued"));
  const auto inode = stat_of(file.path()).st_ino;
  for (const auto& result : deliver(box.store(), {.file = &file}, kThree)) CHECK(result.uid == 1);
  CHECK(stat_of(path_in(box, "bob", 1)).st_ino == inode);
  CHECK(stat_of(path_in(box, "dan", 1)).st_nlink == 4);
  const auto view = *box.mailbox("bob")->view(false);
  CHECK(view->message(1).internal_date == 1700000000);

  const std::string prefix = "Return-Path: <a@b.test>\r\n";
  for (const auto& result : deliver(box.store(), {.file = &file, .prefix = prefix}, kThree))
    CHECK(result.uid == 2);
  CHECK(stat_of(path_in(box, "bob", 2)).st_nlink == 3);
  CHECK(message_of(*box.mailbox("cleo"), 2) == prefix + sample("queued"));
}

TEST_CASE("a repeat is looked for among what is not older than the message") {
  Sandbox box;
  DeliveryTarget target{.user = "bob", .delivery_id = "Q/0"};
  REQUIRE(deliver(box.store(), sample("a"), {target})[0].outcome == Delivered::ok);
  REQUIRE(deliver(box.store(), sample("b"), {{.user = "bob", .delivery_id = "R/0"}})[0].fine());
  target.may_repeat_since = wall_seconds();
  CHECK(deliver(box.store(), sample("a"), {target})[0].outcome == Delivered::repeated);
  target.may_repeat_since = wall_seconds() + 2 * kClockDoubtSeconds;  // it came after both: not looked for
  CHECK(deliver(box.store(), sample("a"), {target})[0].outcome == Delivered::ok);
}

TEST_CASE("a repeat is recognised however many messages came behind it, in whichever process") {
  Sandbox box;
  DeliveryTarget target{.user = "bob", .delivery_id = "Q/0"};
  target.may_repeat_since = wall_seconds();
  DeliveryTarget other{.user = "bob", .delivery_id = "O/0"};
  other.may_repeat_since = wall_seconds();
  REQUIRE(deliver(box.store(), sample("a"), {target})[0].outcome == Delivered::ok);
  // As many as a page of hundreds of recipients each: they share their commits.
  for (int n = 0; n < 10; ++n) {
    std::vector<DeliveryTarget> many;
    for (int m = 0; m < 500; ++m)
      many.push_back({.user = "bob", .delivery_id = std::to_string(n) + "/" + std::to_string(m)});
    for (const auto& result : deliver(box.store(), sample("b"), many)) REQUIRE(result.fine());
  }
  CHECK(deliver(box.store(), sample("a"), {target})[0].outcome == Delivered::repeated);
  CHECK(deliver(box.store(), sample("o"), {other})[0].outcome == Delivered::ok);
  CHECK(deliver(box.store(), sample("o"), {other})[0].outcome == Delivered::repeated);
  const auto second = box.another();
  CHECK(deliver(*second, sample("a"), {target})[0].outcome == Delivered::repeated);
  // A purge moves the records.
  const auto mailbox = std::dynamic_pointer_cast<MailboxFiles>(box.mailbox("bob"));
  REQUIRE(mailbox->expunge({{2, 4000}}, false));
  CHECK(deliver(box.store(), sample("a"), {target})[0].outcome == Delivered::repeated);
  REQUIRE(*mailbox->purge(wall_seconds() + 1));
  CHECK(deliver(box.store(), sample("a"), {target})[0].uid == 1);
  CHECK(deliver(*second, sample("o"), {other})[0].outcome == Delivered::repeated);
}

TEST_CASE("a full disk is told to every recipient, and nothing stays behind") {
  for (const std::string point :
       {"spool.write", "store.cache.write", "store.index.allocate", "durable.sync"}) {
    INFO(point);
    Sandbox box;
    for (const auto& target : kThree) box.mailbox(target.user);
    // So that the next delivery has to let the index grow.
    for (int n = 0; n < 32; ++n)
      for (const auto& result : deliver(box.store(), sample("fill"), kThree)) REQUIRE(result.fine());
    auto draft = *box.store().begin_delivery();
    REQUIRE(draft.write(sample("full")));
    arm_failpoints(point + "=enospc");
    const auto results = deliver(box.store(), {.draft = &draft}, kThree);
    arm_failpoints("");
    for (const auto& result : results) {
      CHECK(result.outcome == Delivered::no_space);
      CHECK(result.text.find("No space left") != std::string::npos);
    }
    CHECK(box.store().quota_usage("bob")->messages == 32);
    CHECK(box.mailbox("bob")->status().messages == 32);
    CHECK_FALSE(file_exists(path_in(box, "bob", 33)));
    CHECK(drafts(box) == 0);
    CHECK(deliver(box.store(), sample("again"), kThree)[2].fine());
  }
}

namespace {
struct Station {
  Sandbox& box;
  EventLoop loop;
  WorkerPool workers{1};
  std::vector<Delivered> outcomes;
  int waiting = 0;
  std::string thrown;
};

Task<void> deliver_one(Station& station, std::string subject, bool fails) {
  auto draft = *station.box.store().begin_delivery();
  (void)draft.write(sample(subject));
  const std::function<std::vector<DeliveryTarget>()> targets = [&] {
    if (fails) throw std::runtime_error("no targets");
    return kThree;
  };
  const DeliveryMessage message{.draft = &draft};
  try {
    const auto results = co_await deliver_on(station.workers, station.box.store(), message, targets);
    for (const auto& result : results) station.outcomes.push_back(result.outcome);
  } catch (const std::runtime_error& error) {
    station.thrown = error.what();
  }
  if (--station.waiting == 0) station.loop.stop();
}

void deliver_many(Station& station, int count, bool fails = false) {
  station.outcomes.clear();
  station.waiting = count;
  for (int n = 0; n < count; ++n)
    station.loop.post([&, n] { spawn(deliver_one(station, "on" + std::to_string(n), fails)); });
  station.loop.run();
}
}  // namespace

TEST_CASE("deliveries in coroutines: many on one worker, failures reach their callers") {
  Sandbox box;
  Station station{.box = box};
  deliver_many(station, 40);
  CHECK(station.outcomes == std::vector<Delivered>(120, Delivered::ok));
  CHECK(box.mailbox("dan")->status().messages == 40);
  arm_failpoints("durable.sync=enospc");
  deliver_many(station, 5);
  arm_failpoints("store.deliver.commit=eio");
  CHECK(station.outcomes == std::vector<Delivered>(15, Delivered::no_space));
  deliver_many(station, 2);
  arm_failpoints("");
  CHECK(station.outcomes == std::vector<Delivered>(6, Delivered::temporary));
  deliver_many(station, 1, true);
  CHECK(station.thrown == "no targets");
  deliver_many(station, 1);
  CHECK(station.outcomes == std::vector<Delivered>(3, Delivered::ok));
  CHECK(box.mailbox("bob")->status().messages == 41);
}
