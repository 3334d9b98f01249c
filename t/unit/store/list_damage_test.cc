// The mailbox list's database under damage: found, named, set aside, made anew; never silently shorter.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "common/base/failpoint.h"
#include "common/base/path.h"
#include "store/detail/paths.h"
#include "store/stored/list_db.h"
#include "store/stored/list_recovery.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
namespace fs = std::filesystem;

const std::vector<std::string> kFolders{"Archive", "Archive/2026", "Drafts", "INBOX", "Sent"};

MailboxName bobs(const std::string& folder) {
  return *MailboxName::make("bob", folder);
}
std::string list_of(Sandbox& box) {
  return box.root() + "/store/mboxlist";
}
std::vector<std::string> folders(Sandbox& box) {
  std::vector<std::string> names;
  const auto entries = *box.store().list("bob");
  for (const auto& entry : entries) names.push_back(entry.name.folder);
  return names;
}
// What was set aside, by name.
std::vector<std::string> aside(Sandbox& box) {
  std::vector<std::string> found;
  const auto names = *list_directory(box.root() + "/store");
  for (const auto& name : names)
    if (name.starts_with("mboxlist.damaged.")) found.push_back(name);
  return found;
}

// stored ends; its list is as after a kill: changes are in the log, tables lag behind.
void end_as_killed(Sandbox& box) {
  const auto kept = box.root() + "/kept";
  fs::copy(list_of(box), kept, fs::copy_options::recursive);
  box.stop_stored();
  fs::remove_all(list_of(box));
  fs::rename(kept, list_of(box));
}
void fill(Sandbox& box) {
  for (const auto& folder : kFolders)
    REQUIRE(box.store().create(bobs(folder), folder == "Sent" ? "\\Sent" : ""));
  REQUIRE(box.store().subscribe("bob", bobs("Sent")));
  REQUIRE(box.store().rename(bobs("Drafts"), bobs("Entwurf")));
  REQUIRE(box.store().rename(bobs("Entwurf"), bobs("Drafts")));
}
void go_on(Sandbox& box) {
  box.start_stored();
  box.reopen();
}

std::uint64_t used_bytes(const std::string& path) {
  auto bytes = *read_file(path);
  return bytes.find_last_not_of('\0') + 1;
}
void flip(const std::string& path, std::uint64_t at) {
  const auto fd = open_file(path, O_RDWR);
  REQUIRE(fd);
  char byte = 0;
  REQUIRE(read_at(fd->get(), at, &byte, 1));
  byte ^= 4;
  REQUIRE(write_at(fd->get(), at, {&byte, 1}));
}
}  // namespace

TEST_CASE("a log of the list that was damaged is no reason to forget a mailbox") {
  Sandbox box;
  fill(box);
  const bool killed = GENERATE(true, false);
  killed ? end_as_killed(box) : box.stop_stored();
  const auto log = list_of(box) + "/log.0000000001";
  const auto used = used_bytes(log);
  bool found_damaged = true;
  SECTION("nothing happened") {
    found_damaged = false;
  }
  SECTION("it is gone") {
    REQUIRE(::unlink(log.c_str()) == 0);
  }
  SECTION("it is empty") {
    REQUIRE(::truncate(log.c_str(), 0) == 0);
  }
  SECTION("it is cut") {
    REQUIRE(::truncate(log.c_str(), static_cast<off_t>(used * GENERATE(1u, 2u, 3u) / 4)) == 0);
  }
  SECTION("its last bytes are zero") {
    found_damaged = killed;  // a list that was closed ends with records that promise nothing
    const auto fd = open_file(log, O_RDWR);
    REQUIRE(write_at(fd->get(), used - 40, std::string(40, '\0')));
  }
  SECTION("a bit of it has flipped") {
    flip(log, used * GENERATE(1u, 3u, 5u, 7u, 9u) / 10);
  }
  go_on(box);
  CHECK(folders(box) == kFolders);
  CHECK(aside(box).size() == (found_damaged ? 1 : 0));
  if (!killed || !found_damaged) {  // else only the lost log knew
    CHECK(box.store().find(bobs("Sent"))->special_use == "\\Sent");
    CHECK(box.store().subscriptions("bob")->size() == 1);
  }
  box.stop_stored();
  go_on(box);
  CHECK(folders(box) == kFolders);
  CHECK(aside(box).size() == (found_damaged ? 1 : 0));
}

TEST_CASE(
    "a table of the list that is gone or empty is noticed, and the others are read for what they hold") {
  Sandbox box;
  fill(box);
  box.stop_stored();
  const std::string table = GENERATE("folder.db", "subscr.db", "purge.db", "trash.db");
  const auto path = list_of(box) + "/" + table;
  REQUIRE((GENERATE(true, false) ? ::unlink(path.c_str()) : ::truncate(path.c_str(), 0)) == 0);
  go_on(box);
  CHECK(folders(box) == kFolders);
  CHECK(aside(box).size() == 1);
  CHECK(box.store().find(bobs("Sent"))->special_use == (table == "folder.db" ? "" : "\\Sent"));
  CHECK(box.store().subscriptions("bob")->size() == (table == "subscr.db" ? 0 : 1));
}

TEST_CASE("a witness that is damaged, gone or behind is not believed against the list") {
  Sandbox box;
  fill(box);
  const auto witness = list_of(box) + "/witness";
  const auto old = *read_file(witness);
  REQUIRE(box.store().create(bobs("Later")));
  REQUIRE(*read_file(witness) != old);
  GENERATE(true, false) ? end_as_killed(box) : box.stop_stored();
  SECTION("damaged") {
    flip(witness, GENERATE(1u, 10u, 14u, 20u, 30u, 38u));
  }
  SECTION("cut") {
    REQUIRE(::truncate(witness.c_str(), 17) == 0);
  }
  SECTION("gone") {
    REQUIRE(::unlink(witness.c_str()) == 0);
  }
  SECTION("behind, as after a power cut") {
    REQUIRE(replace_file(witness, old));
  }
  go_on(box);
  CHECK(folders(box).size() == kFolders.size() + 1);
  CHECK(aside(box).empty());
  CHECK(*read_file(witness) != old);
}

TEST_CASE("the witness follows the log into its next file") {
  Sandbox box;
  fill(box);
  const auto first = list_of(box) + "/log.0000000001", second = list_of(box) + "/log.0000000002";
  const auto name = bobs(std::string(900, 'n'));
  for (int n = 0; n < 10000 && !file_exists(second); ++n) {
    REQUIRE(box.store().subscribe("bob", name));
    REQUIRE(box.store().unsubscribe("bob", name));
  }
  REQUIRE(file_exists(second));
  REQUIRE(box.store().create(bobs("Later")));
  end_as_killed(box);
  bool found_damaged = true;
  SECTION("nothing happened") {
    found_damaged = false;
  }
  SECTION("the last is gone") {
    REQUIRE(::unlink(second.c_str()) == 0);
  }
  SECTION("a bit of the last has flipped") {
    flip(second, used_bytes(second) - 20);
  }
  SECTION("a bit of the one before has flipped") {
    flip(first, 5'000'000);
  }
  go_on(box);
  CHECK(folders(box).size() == kFolders.size() + 1);
  CHECK(aside(box).size() == (found_damaged ? 1 : 0));
}

TEST_CASE("a rebuild that was interrupted is done again") {
  Sandbox box;
  fill(box);
  box.stop_stored();
  const auto set_aside = list_of(box) + ".damaged.1";
  REQUIRE(replace_file(list_of(box) + ".rebuild", set_aside));
  SECTION("before anything was moved") {}
  SECTION("when the list was moved") {
    fs::rename(list_of(box), set_aside);
  }
  SECTION("when some of the list was made") {
    fs::rename(list_of(box), set_aside);
    const auto half = ListDb::open(list_of(box), 1 << 20);
    REQUIRE(half);
  }
  go_on(box);
  CHECK(folders(box) == kFolders);
  CHECK(box.store().find(bobs("Sent"))->special_use == "\\Sent");
  CHECK(box.store().subscriptions("bob")->size() == 1);
  CHECK_FALSE(file_exists(list_of(box) + ".rebuild"));
}

TEST_CASE("a damaged list that cannot be set aside stays what it is, and is when that can be done") {
  Sandbox box;
  fill(box);
  box.stop_stored();
  REQUIRE(::unlink((list_of(box) + "/log.0000000001").c_str()) == 0);
  const auto folders_of_list = *read_file(list_of(box) + "/folder.db");
  arm_failpoints("stored.list.aside=eio");
  for (int tries = 0; tries < 2; ++tries) {
    const auto opened =
        open_list(list_of(box), 1 << 20, {{"primary", box.root() + "/store/partition/primary"}});
    REQUIRE_FALSE(opened);
    CHECK(opened.error().fault == Fault::temporary);
    CHECK(*read_file(list_of(box) + "/folder.db") == folders_of_list);
    CHECK(aside(box).empty());
  }
  arm_failpoints("");
  go_on(box);
  CHECK(folders(box) == kFolders);
  CHECK(box.store().find(bobs("Sent"))->special_use == "\\Sent");
  CHECK(aside(box).size() == 1);
  CHECK_FALSE(file_exists(list_of(box) + ".rebuild"));
}

TEST_CASE("a list that is gone altogether is made anew, but not for an instance that has no mail") {
  Sandbox box;
  const bool has_mail = GENERATE(true, false);
  if (has_mail) fill(box);
  box.stop_stored();
  REQUIRE(remove_tree(list_of(box)));
  go_on(box);
  CHECK(folders(box).size() == (has_mail ? kFolders.size() : 0));
}

TEST_CASE("two mailboxes of one name are both kept by a rebuild") {
  Sandbox box;
  fill(box);
  const auto entry = *box.store().find(bobs("Sent"));
  REQUIRE(replace_file(entry.directory + "/store.name", bobs("Archive").text() + "\n"));
  box.stop_stored();
  REQUIRE(remove_tree(list_of(box)));
  go_on(box);
  const auto names = folders(box);
  CHECK(names.size() == kFolders.size());
  const auto archives =
      std::ranges::count_if(names, [](const auto& name) { return name.starts_with("Archive-"); });
  CHECK(archives == 1);
}
