// The states in which a power cut can leave a mailbox whose commits are in the journal: what was committed is
// written back, everything else is of any time. Each state is made by hand here.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "common/base/failpoint.h"
#include "common/spool/message_file.h"
#include "store/detail/paths.h"
#include "store/mailbox/index.h"
#include "t/unit/bad_disk.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
struct NewBoot {
  NewBoot() { ::setenv("WAXWING_TEST_BOOT_ID", "0123456789abcdef0123456789abcdef", 1); }
  ~NewBoot() { ::unsetenv("WAXWING_TEST_BOOT_ID"); }
};

// A closed mailbox of five messages, its index as plain bytes.
class Cut {
 public:
  explicit Cut(bool together = false) {
    const auto mailbox = box.mailbox("bob");
    std::vector<Draft> drafts;
    for (const auto* subject : {"1", "2", "3", "4", "5"}) {
      drafts.push_back(std::move(*mailbox->begin_append(0, {})));
      REQUIRE(drafts.back().write(sample(subject)));
      if (together) continue;
      REQUIRE(mailbox->append(std::move(drafts), {}));
      drafts.clear();
    }
    if (together) REQUIRE(mailbox->append(std::move(drafts), {}));
    REQUIRE(mailbox->store_flags({{2, 2}}, {FlagChange::How::add, kFlagged, {"one", "two"}, {}}));
    directory = mailbox->entry().directory;
    highest = mailbox->status().highestmodseq;
    generation = read_index_header(index_path(directory))->generation;
    drop_store();
    fd = *open_file(index_path(directory), O_RDWR);
  }
  // As at the moment of their commit, or of a commit that was not answered.
  void all_as_committed() const {
    for (std::uint32_t slot = 0; slot < 5; ++slot) as_committed(slot);
    set_count(0);
  }
  void drop_store() { box.reopen(); }
  IndexHeader header() const {
    IndexHeader header;
    REQUIRE(read_at(fd.get(), 0, &header, sizeof header));
    return header;
  }
  void set_header(const IndexHeader& header) const {
    REQUIRE(write_at(fd.get(), 0, std::string_view(reinterpret_cast<const char*>(&header), sizeof header)));
  }
  void set_count(std::uint32_t count) const {
    auto changed = header();
    changed.count = changed.tail = changed.capacity = count;
    set_header(changed);
  }
  IndexRecord record(std::uint32_t slot) const {
    IndexRecord record;
    REQUIRE(read_at(fd.get(), kRecordsAt + std::uint64_t{slot} * kRecordBytes, &record, sizeof record));
    return record;
  }
  void set_record(std::uint32_t slot, const IndexRecord& record) const {
    const std::string_view bytes(reinterpret_cast<const char*>(&record), sizeof record);
    REQUIRE(write_at(fd.get(), kRecordsAt + std::uint64_t{slot} * kRecordBytes, bytes));
  }
  void blank(std::uint32_t slot) const { set_record(slot, IndexRecord{}); }
  // As it was written to the journal at the moment of its commit.
  void as_committed(std::uint32_t slot) const {
    auto changed = record(slot);
    changed.flags |= kReserved;
    changed.modseq = 0;
    changed.moving_hash = moving_hash(changed);
    set_record(slot, changed);
  }
  void remove_message(std::uint32_t uid) const {
    REQUIRE(::unlink(message_path(directory, uid).c_str()) == 0);
  }
  bool has_message(std::uint32_t uid) const { return file_exists(message_path(directory, uid)); }
  // What a client finds after the restart; the mailbox works, and its index is the same one.
  std::vector<std::uint32_t> uids(bool same_index = true) {
    const NewBoot boot;
    box.reopen();
    const auto mailbox = box.mailbox("bob");
    std::vector<std::uint32_t> found;
    const auto view = *mailbox->view(false);
    for (std::uint32_t n = 1; n <= view->exists(); ++n) {
      const auto info = view->message(n);
      found.push_back(info.uid);
      CHECK(info.modseq <= view->highestmodseq());
      const auto bytes = mailbox->open_message(info);
      REQUIRE(bytes);
      CHECK(*bytes->read(0, bytes->size()) == sample(std::to_string(info.uid)));
    }
    CHECK(mailbox->status().messages == found.size());
    CHECK(box.store().quota_usage("bob")->messages == static_cast<std::int64_t>(found.size()));
    CHECK((read_index_header(index_path(directory))->generation == generation) == same_index);
    names = mailbox->keywords();
    if (view->sequence_of(2) != 0) second = view->message(view->sequence_of(2));
    const auto appended = mailbox->append_bytes(sample("new"));
    REQUIRE(appended);
    CHECK(appended->uids[0] > (found.empty() ? 0 : found.back()));
    next_uid = appended->uids[0];
    REQUIRE(mailbox->expunge({{next_uid, next_uid}}, false));
    return found;
  }

  Sandbox box;
  std::string directory;
  UniqueFd fd;
  std::uint64_t highest = 0, generation = 0;
  std::vector<std::string> names;
  MessageInfo second;
  std::uint32_t next_uid = 0;
};

using Uids = std::vector<std::uint32_t>;
const Uids kAll{1, 2, 3, 4, 5};
}  // namespace

TEST_CASE("power cut: records of the moment of their commit are kept, below count and behind it") {
  for (const std::uint32_t count : {0u, 3u, 5u}) {
    INFO(count);
    Cut cut;
    for (std::uint32_t slot = 0; slot < 5; ++slot) cut.as_committed(slot);
    cut.set_count(count);
    CHECK(cut.uids() == kAll);
    CHECK(cut.second.flags == kFlagged);
    CHECK(cut.second.modseq > cut.highest);
    CHECK(cut.next_uid == 6);
  }
}

TEST_CASE("power cut: a record that nobody waited for goes when its message did not reach the disk") {
  for (const bool visible : {false, true}) {
    Cut cut;
    cut.as_committed(2);
    cut.remove_message(3);
    if (!visible) cut.set_count(1);
    CHECK(cut.uids() == Uids{1, 2, 4, 5});
  }
  Cut cut;
  cut.as_committed(4);
  REQUIRE(::truncate(message_path(cut.directory, 5).c_str(), 100) == 0);
  CHECK(cut.uids() == Uids{1, 2, 3, 4});
  CHECK_FALSE(cut.has_message(5));
}

TEST_CASE("power cut: count is ahead of a slot that was given up and never written") {
  Cut cut;
  cut.blank(2);
  cut.remove_message(3);
  CHECK(cut.uids() == Uids{1, 2, 4, 5});
  CHECK(cut.next_uid == 6);
}

TEST_CASE("power cut: the file is shorter than count and capacity say") {
  Cut cut;
  for (const std::uint32_t uid : {4u, 5u}) cut.remove_message(uid);
  REQUIRE(::ftruncate(cut.fd.get(), kRecordsAt + 3 * kRecordBytes) == 0);
  CHECK(cut.uids() == Uids{1, 2, 3});
  CHECK(cut.next_uid == 6);  // what the header promised holds

  Cut rotten;
  REQUIRE(::ftruncate(rotten.fd.get(), kRecordsAt + 3 * kRecordBytes) == 0);
  CHECK(rotten.uids(false) == kAll);  // their messages are there: made anew from the files
}

TEST_CASE("power cut: a committed record stands behind slots that never were") {
  Cut cut;
  // As if the file had grown by the record alone, over a hole.
  auto record = cut.record(4);
  cut.blank(3);
  cut.blank(4);
  record.uid = 50;
  record.fixed_hash = fixed_hash(record);
  cut.set_record(49, record);
  cut.as_committed(49);
  cut.set_count(0);
  REQUIRE(::ftruncate(cut.fd.get(), kRecordsAt + 50 * kRecordBytes) == 0);
  {
    auto fd = *open_file(message_path(cut.directory, 50), O_RDWR | O_CREAT);
    spool::MessageFileWriter writer(fd.get());
    REQUIRE(writer.write(sample("50")));
    REQUIRE(writer.seal(spool::Kind::store, {}));
    record.size = sample("50").size();
    record.fixed_hash = fixed_hash(record);
    cut.set_record(49, record);
    cut.as_committed(49);
  }
  CHECK(cut.uids() == Uids{1, 2, 3, 50});
  CHECK_FALSE(cut.has_message(4));  // of an append that was not answered
  CHECK(cut.next_uid == 51);
}

TEST_CASE("power cut: a message whose record is lost, unseen it goes, seen it is taken in again") {
  Cut unseen;
  unseen.blank(4);
  unseen.set_count(4);
  CHECK(unseen.uids() == Uids{1, 2, 3, 4});
  CHECK_FALSE(unseen.has_message(5));

  Cut seen;
  seen.blank(4);
  CHECK(seen.uids(false) == kAll);

  Cut rotten;
  auto record = rotten.record(4);
  record.size += 1;
  rotten.set_record(4, record);
  rotten.set_count(2);
  CHECK(rotten.uids(false) == kAll);
}

TEST_CASE("power cut: messages that came together are all there or none") {
  Cut cut(true);
  cut.all_as_committed();
  Uids left;
  SECTION("all came through") {
    left = kAll;
  }
  SECTION("one was published, so the commit had been answered: only what is lost is lost") {
    auto record = cut.record(1);
    record.flags &= ~kReserved;
    record.modseq = 7;
    record.moving_hash = moving_hash(record);
    cut.set_record(1, record);
    cut.remove_message(5);
    left = {1, 2, 3, 4};
  }
  SECTION("a record is missing at the beginning") {
    cut.blank(0);
  }
  SECTION("a record is missing in the middle") {
    cut.blank(2);
  }
  SECTION("a record is missing at the end") {
    cut.blank(4);
  }
  SECTION("the file ends before") {
    auto header = cut.header();
    header.capacity = 3;
    cut.set_header(header);
    REQUIRE(::ftruncate(cut.fd.get(), kRecordsAt + 3 * kRecordBytes) == 0);
  }
  SECTION("a message is missing") {
    cut.remove_message(5);
  }
  SECTION("a message is torn") {
    REQUIRE(::truncate(message_path(cut.directory, 2).c_str(), 100) == 0);
  }
  SECTION("its writer had begun to give it up") {
    cut.remove_message(1);
    auto record = cut.record(0);
    record.flags = kVoid;
    record.moving_hash = moving_hash(record);
    cut.set_record(0, record);
  }
  CHECK(cut.uids() == left);
  for (const auto uid : kAll) CHECK(cut.has_message(uid) == (std::ranges::find(left, uid) != left.end()));
  CHECK(cut.uids() == left);
}

TEST_CASE("power cut: what did not come through takes nothing with it that came before or behind") {
  Cut cut(true);
  const auto more = cut.box.mailbox("bob")->append_bytes(sample("6"));
  REQUIRE(more);
  cut.drop_store();
  cut.as_committed(5);
  cut.all_as_committed();
  cut.remove_message(3);
  CHECK(cut.uids() == Uids{6});
}

TEST_CASE("a writer killed while it published several messages had been answered for all") {
  for (const bool begun : {true, false}) {
    Cut cut(true);
    cut.all_as_committed();
    auto header = cut.header();
    header.busy = 1;
    header.tail = 5;
    header.capacity = 5;
    cut.set_header(header);
    auto record = cut.record(0);
    if (begun) record.flags &= ~kReserved;
    record.moving_hash = moving_hash(record);
    cut.set_record(0, record);
    cut.drop_store();
    const auto mailbox = cut.box.mailbox("bob");
    REQUIRE(mailbox->append_bytes(sample("new")));
    CHECK(mailbox->status().messages == (begun ? 6 : 1));
    CHECK(cut.box.store().quota_usage("bob")->messages == (begun ? 6 : 1));
  }
}

TEST_CASE("power cut: the table of keywords counts as far as it is there") {
  Cut cut;
  auto header = cut.header();
  header.keyword_count = 0;  // older than the names
  cut.set_header(header);
  CHECK(cut.uids() == kAll);
  CHECK(cut.names == std::vector<std::string>{"one", "two"});
  CHECK(cut.second.keywords.bits[0] == 3);

  Cut ahead;
  REQUIRE(write_at(ahead.fd.get(), kKeywordsAt + kKeywordBytes, std::string(kKeywordBytes, '\0')));
  CHECK(ahead.uids() == kAll);
  CHECK(ahead.names == std::vector<std::string>{"one"});
  CHECK(ahead.second.keywords.bits[0] == 1);  // what has no name goes
}

TEST_CASE("power cut: mending that was cut short is done again") {
  Cut cut;
  for (std::uint32_t slot = 0; slot < 5; ++slot) cut.as_committed(slot);
  cut.blank(2);
  cut.remove_message(3);
  const auto before = cut.header();
  CHECK(cut.uids() == Uids{1, 2, 4, 5});
  // The records of the mended file reached the disk, its header did not.
  cut.set_header(before);
  CHECK(cut.uids() == Uids{1, 2, 4, 5});
  CHECK(cut.next_uid > 6);
}

// A call after the other is refused while the index is mended: what cannot be read now is not taken for missing.
TEST_CASE("power cut: a disk that refuses a call while the index is mended costs no message") {
  for (const bool together : {false, true}) {
    bool failed = true;
    for (long n = 1; failed; ++n) {
      Cut cut(together);
      cut.all_as_committed();
      {
        const NewBoot boot;
        cut.box.reopen();
        const BadDisk disk(cut.directory + "/", n, EIO);
        const auto mailbox = cut.box.store().open_mailbox(*MailboxName::make("bob", "INBOX"));
        const auto view = mailbox ? (*mailbox)->view(false) : std::unexpected(mailbox.error());
        failed = BadDisk::failed();
        INFO(n << " " << BadDisk::site() << (view ? "" : ": " + view.error().text));
        if (!view) CHECK(view.error().fault == Fault::temporary);
        CHECK((failed || n > 5));
      }
      INFO(n);
      CHECK(cut.uids() == kAll);
      CHECK(cut.second.flags == kFlagged);
    }
  }
}

TEST_CASE("no record uses a keyword whose name is not on disk") {
  Sandbox box;
  const auto mailbox = box.mailbox("bob");
  auto draft = mailbox->begin_append(0, {});
  REQUIRE(draft);
  REQUIRE(draft->write(sample("1")));
  std::vector<Draft> drafts;
  drafts.push_back(std::move(*draft));
  REQUIRE(mailbox->append(std::move(drafts), {}));
  const auto flag = [&](const std::string& keyword) {
    return mailbox->store_flags({{1, 1}}, {FlagChange::How::add, kFlagged, {keyword}, {}});
  };
  // The commit that fails is that of the name: the record is as it was.
  arm_failpoints("durable.sync=eio@1");
  CHECK_FALSE(flag("fresh"));
  arm_failpoints("");
  const auto info = (*mailbox->view(false))->message(1);
  CHECK((info.flags & kFlagged) == 0);
  CHECK(info.keywords == KeywordSet{});
  CHECK(flag("fresh"));
  CHECK(mailbox->keywords() == std::vector<std::string>{"fresh"});
  CHECK((*mailbox->view(false))->message(1).keywords.has(0));
}
