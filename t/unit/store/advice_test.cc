// Where an error of the store says what to run, running it helps: the command itself is run.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <regex>

#include "common/base/path.h"
#include "store/detail/paths.h"
#include "store/mailbox/files.h"
#include "store/mailbox/index.h"
#include "store/mailbox/next_index.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
// Everything that a session does with its mailbox; empty when all of it went well.
std::string trouble(Sandbox& box, const MailboxEntry& entry) {
  const auto opened = box.store().open_mailbox(entry);
  if (!opened) return opened.error().text;
  const auto view = (*opened)->view(true);
  if (!view) return view.error().text;
  for (std::uint32_t n = 1; n <= (*view)->exists(); ++n) {
    const auto bytes = (*opened)->open_message((*view)->message(n));
    if (!bytes) return bytes.error().text;
  }
  const auto purged = read_purged(entry.directory);
  if (!purged) return purged.error().text;
  const auto appended = (*opened)->append_bytes(sample("n"));
  return appended ? "" : appended.error().text;
}

// As an operator would: the words of the message, and the mailbox or its user.
int obey(Sandbox& box, const std::string& text) {
  static const std::regex kAdvice("run reconstruct((?: -[a-z])*) for this (mailbox|user)");
  std::smatch found;
  INFO(text);
  REQUIRE(std::regex_search(text, found, kAdvice));
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  const auto tool = self.parent_path().parent_path() / "bin" / "reconstruct";
  return ::system(fmt::format("'{}' --instance '{}'{} user/bob/INBOX > /dev/null", tool.string(), box.root(),
                              found[1].str())
                      .c_str());
}

struct Damage {
  const char* what;
  std::function<void(const MailboxEntry&)> make;
};

std::string index_of(const MailboxEntry& entry) {
  return index_path(entry.directory);
}
std::string account_of(const MailboxEntry& entry) {
  return parent_directory(entry.directory) + "/store.usr";
}
std::function<void(const MailboxEntry&)> cut(std::string (*path)(const MailboxEntry&), off_t size) {
  return [=](const MailboxEntry& entry) { REQUIRE(::truncate(path(entry).c_str(), size) == 0); };
}
std::function<void(const MailboxEntry&)> spoil(std::string (*path)(const MailboxEntry&), std::uint64_t at,
                                               const std::string& bytes) {
  return [=](const MailboxEntry& entry) { overwrite(path(entry), at, bytes); };
}
std::function<void(const MailboxEntry&)> remove(std::string (*path)(const MailboxEntry&)) {
  return [=](const MailboxEntry& entry) { REQUIRE(::unlink(path(entry).c_str()) == 0); };
}
std::string message_of(const MailboxEntry& entry) {
  return message_path(entry.directory, 2);
}
std::string purged_of(const MailboxEntry& entry) {
  return entry.directory + "/store.exp";
}
}  // namespace

TEST_CASE("what an error of the store says to run helps") {
  const Damage damages[] = {
      {"index: no such file", spoil(index_of, 0, "not an index")},
      {"index: identity", spoil(index_of, 30, "zz")},
      {"index: missing", remove(index_of)},
      {"index: cut short", cut(index_of, 100)},
      {"index: shorter than it says", cut(index_of, kRecordsAt)},
      {"index: less room than it says", cut(index_of, kRecordsAt + 4 * kRecordBytes)},
      {"index: counters", spoil(index_of, offsetof(IndexHeader, next_uid), {"\1\0\0\0", 4})},
      {"index: record", spoil(index_of, kRecordsAt + kRecordBytes + 8, std::string(8, 'x'))},
      {"message: cut short", cut(message_of, 10)},
      {"list of purged messages", spoil(purged_of, 0, "no list")},
      {"account: missing", remove(account_of)},
      {"account: cut short", cut(account_of, 100)},
      {"account: no such file", spoil(account_of, 0, "not an account")},
      {"account: identity", spoil(account_of, 17, "zz")},
      {"account: modseq", spoil(account_of, 48, std::string(8, '\xff'))},
  };
  for (const auto& damage : damages) {
    INFO(damage.what);
    Sandbox box("store.autorepair = 0\n");
    MailboxEntry entry;
    {
      const auto mailbox = std::dynamic_pointer_cast<MailboxFiles>(box.mailbox("bob"));
      for (const auto* subject : {"1", "2", "3"}) REQUIRE(box.mailbox("bob")->append_bytes(sample(subject)));
      REQUIRE(mailbox->expunge({{3, 3}}, false));
      REQUIRE(*mailbox->purge(wall_seconds() + 1));
      entry = mailbox->entry();
    }
    box.reopen();
    damage.make(entry);
    const auto text = trouble(box, entry);
    box.reopen();
    CHECK(obey(box, text) == 0);
    CHECK(trouble(box, entry) == "");
  }
}

TEST_CASE("what an error after a restart of the system says to run helps") {
  Sandbox box("store.autorepair = 0\n");
  const auto entry = box.mailbox("bob")->entry();
  for (const auto* subject : {"1", "2", "3"}) REQUIRE(box.mailbox("bob")->append_bytes(sample(subject)));
  box.reopen();
  const bool behind = GENERATE(false, true);
  // The record in the middle, or the last one: then its message is in the gap behind the others.
  overwrite(index_path(entry.directory), kRecordsAt + (behind ? 2 : 1) * kRecordBytes + 8,
            std::string(8, 'x'));
  ::setenv("WAXWING_TEST_BOOT_ID", "0123456789abcdef0123456789abcdef", 1);
  box.reopen();
  const auto text = trouble(box, entry);
  box.reopen();
  CHECK(obey(box, text) == 0);
  CHECK(trouble(box, entry) == "");
  ::unsetenv("WAXWING_TEST_BOOT_ID");
}
