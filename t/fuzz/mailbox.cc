// A mailbox with three messages, whose index, cache or account file is damaged, and then used.
//
// The input: what to do about checksums (bit 0: make those of the index fit again) and
// about the system run (bit 1: another one now, as after a power cut), then changes: which file
// and where (two bytes each), how many bytes (one), and the bytes. Whatever was done, the process lives, and
// opening, reading and writing either works or says what is wrong.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>

#include "common/base/file.h"
#include "common/base/path.h"
#include "store/detail/paths.h"
#include "store/mailbox/files.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::store;

namespace {

constexpr std::size_t kFiles = 3;

constexpr const char* kBoot = "0123456789abcdef0123456789abcdef";  // of another system run

// Lives as long as the process; every input finds all files as they were at first, but for its own changes.
class Place {
 public:
  Place() {
    char name[] = "/dev/shm/waxwing-fuzz-XXXXXX";
    char other[] = "/tmp/waxwing-fuzz-XXXXXX";
    const char* made = ::mkdtemp(name);
    root_ = made ? made : ::mkdtemp(other);
    around_ = std::make_shared<Surroundings>(Surroundings{.tell = [](const Event&) {}, .repair = true});
    entry_.name = {"bob", "INBOX"};
    entry_.id = "0123456789abcdef";
    entry_.partition = "primary";
    entry_.directory = account_directory() + "/inbox";
    entry_.uidvalidity = 7;
    MUST(make_directories(root_ + "/=user"));
    MUST(Account::create(account_directory(), "bob"));
    MUST(MailboxFiles::create(entry_.directory, entry_.id, 7, entry_.name));
    fill();
    for (const auto& file : std::filesystem::recursive_directory_iterator(account_directory()))
      if (file.is_regular_file()) all_[file.path()] = read_file(file.path()).value();
  }
  ~Place() { (void)remove_tree(root_); }

  Result<std::shared_ptr<MailboxFiles>> open() {
    auto account = Account::open(account_directory());
    if (!account) return std::unexpected(account.error());
    return MailboxFiles::open(entry_, root_, *account, around_);
  }
  void lay_out(const std::array<std::string, kFiles>& changed) {
    MUST(remove_tree(account_directory()));
    for (const auto& [path, bytes] : all_) {
      MUST(make_directories(parent_directory(path)));
      write(path, bytes);
    }
    for (std::size_t n = 0; n < kFiles; ++n) write(paths()[n], changed[n]);
  }
  std::array<std::string, kFiles> originals() const {
    const auto names = paths();
    return {all_.at(names[0]), all_.at(names[1]), all_.at(names[2])};
  }

 private:
  std::string account_directory() const { return root_ + "/=user/00/00/=bob"; }
  std::array<std::string, kFiles> paths() const {
    return {index_path(entry_.directory), cache_path(entry_.directory, 1),
            account_directory() + "/store.usr"};
  }
  static void write(const std::string& path, const std::string& bytes) {
    const auto fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    MUST(fd && write_all(fd->get(), bytes));
  }
  void fill() {
    auto mailbox = *open();
    for (const char* subject : {"one", "two", "three"})
      MUST(mailbox->append_bytes(std::string("From: a@b.test\r\nSubject: ") + subject + "\r\n\r\nhello\r\n",
                                 0, {}, {}));
    MUST(mailbox->store_flags({{2, 2}}, {FlagChange::How::add, kFlagged, {"kw"}, {}}));
    MUST(mailbox->expunge({{1, 1}}, false));
  }

  std::string root_;
  std::shared_ptr<const Surroundings> around_;
  MailboxEntry entry_;
  std::map<std::string, std::string> all_;  // by path
};

void make_checksums_fit(std::string& index) {
  if (index.size() < kRecordsAt) return;
  auto* header = reinterpret_cast<IndexHeader*>(index.data());
  header->identity_hash = identity_hash(*header);
  for (std::size_t at = kRecordsAt; at + kRecordBytes <= index.size() && at < kRecordsAt + 5 * kRecordBytes;
       at += kRecordBytes) {
    auto* record = reinterpret_cast<IndexRecord*>(index.data() + at);
    record->fixed_hash = fixed_hash(*record);
    record->moving_hash = moving_hash(*record);
  }
}

std::array<std::string, kFiles> damaged(std::array<std::string, kFiles> files, fuzz::Input in) {
  const bool fit = (in.byte() & 1) != 0;
  while (!in.at_end()) {
    const auto where = in.word();
    auto& file = files[where >> 14 < kFiles ? where >> 14 : 0];
    // Most of the index is header and first records: half of the places are there.
    const std::size_t at = (where & 0x2000) != 0 ? kRecordsAt + (where & 0x3ff) : where & 0x3ff;
    const auto bytes = in.take(in.byte() % 17U);
    if (bytes.empty()) {
      file.resize(std::min(file.size(), at));
    } else if (at + bytes.size() <= file.size()) {
      file.replace(at, bytes.size(), bytes);
    }
  }
  if (fit) make_checksums_fit(files[0]);
  return files;
}

void read_all(MailboxFiles& mailbox) {
  mailbox.status();
  mailbox.keywords();
  mailbox.expunged_since(1);
  const auto view = mailbox.view(true);
  if (!view) return;
  (*view)->sync(true);
  MUST((*view)->exists() < 1000);
  for (std::uint32_t n = 1; n <= (*view)->exists(); ++n) {
    const auto message = (*view)->message(n);
    (*view)->sequence_of(message.uid);
    (*view)->is_recent(message.uid);
    mailbox.cached_now(message);
    if (const auto cached = mailbox.cached(message)) MUST(cached->envelope.size() < 10000);
    if (const auto bytes = mailbox.open_message(message)) (void)bytes->read(0, 1000);
  }
}

void use(Place& place) {
  auto opened = place.open();
  if (!opened) {
    MUST(!opened.error().text.empty());
    return;
  }
  auto& mailbox = **opened;
  read_all(mailbox);
  (void)mailbox.store_flags({{1, 100}}, {FlagChange::How::replace, kSeen, {"kw", "other"}, {}});
  (void)mailbox.append_bytes("Subject: four\r\n\r\nfour\r\n", kFlagged, {}, {});
  (void)mailbox.expunge({{4, UINT32_MAX}}, false);
  read_all(mailbox);
  (void)mailbox.purge(INT64_MAX);
  read_all(mailbox);
}

}  // namespace

FUZZ_TARGET(mailbox) {
  static Place place;
  if (!input.empty() && (input[0] & 2) != 0) ::setenv("WAXWING_TEST_BOOT_ID", kBoot, 1);
  place.lay_out(damaged(place.originals(), fuzz::Input(input)));
  use(place);
  ::unsetenv("WAXWING_TEST_BOOT_ID");
}
