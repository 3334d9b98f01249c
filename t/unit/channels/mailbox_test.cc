#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "channels/native_master/mailbox.h"
#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/random.h"
#include "t/unit/skip.h"

using namespace waxwing;
using namespace waxwing::channels;

namespace {
struct Scratch {
  std::string path = "/tmp/waxwing-native-" + unique_id();
  Scratch() {
    std::filesystem::create_directories(path);
    ::chmod(path.c_str(), 0755);
  }
  ~Scratch() { std::filesystem::remove_all(path); }
};

Owner owner_in(const Scratch& scratch, const std::string& name, std::uint32_t uid) {
  Owner owner{name, scratch.path + "/" + name, uid, uid, true};
  REQUIRE(::mkdir(owner.home.c_str(), 0700) == 0);
  REQUIRE(::chown(owner.home.c_str(), uid, uid) == 0);
  return owner;
}

NativeMessage short_message(const std::string& id) {
  NativeMessage message;
  message.sender = "alice@example.test";
  message.id = id;
  message.next = [told = false]() mutable -> Result<std::string> {
    return std::exchange(told, true) ? "" : "Subject: x\n\ntext\n";
  };
  return message;
}

// Whoever commits next may do it for others: it must be the process, not one of the users.
void check_nobody_was_left_in(const Scratch& scratch) {
  CHECK(::setfsuid(static_cast<uid_t>(-1)) == static_cast<int>(::geteuid()));
  const auto mine = scratch.path + "/mine";
  REQUIRE(::mkdir(mine.c_str(), 0700) == 0);
  std::vector<std::string> folders;
  durable::Batch batch;
  for (int n = 0; n < 20; ++n) {
    folders.push_back(mine + "/" + std::to_string(n));
    REQUIRE(::mkdir(folders.back().c_str(), 0700) == 0);
    batch.directory(folders.back());
  }
  CHECK(durable::commit(std::move(batch)));
}
}  // namespace

TEST_CASE("users whose homes are shut to others get their mail one after the other") {
  if (::geteuid() != 0) return skipped("only root lends rights");
  Scratch scratch;
  const std::vector<Owner> owners{owner_in(scratch, "one", 60001), owner_in(scratch, "two", 60002)};
  for (int round = 0; round < 4; ++round)
    for (const auto& owner : owners) {
      INFO(owner.name << " " << round);
      const auto id = std::to_string(round);
      const auto done = append_to_mbox(owner.home + "/mbox", owner, short_message(id), 0);
      CHECK((done ? "" : done.error().text) == "");
      const auto maildir = put_into_maildir(owner.home + "/folder", owner, short_message(id));
      CHECK((maildir ? "" : maildir.error().text) == "");
    }
  for (const auto& owner : owners) {
    struct stat status {};
    REQUIRE(::stat((owner.home + "/mbox").c_str(), &status) == 0);
    CHECK(status.st_uid == owner.uid);
    CHECK_FALSE(file_exists(owner.home + "/mbox.lock"));
    CHECK(list_directory(owner.home + "/folder/new")->size() == 4);
  }
  check_nobody_was_left_in(scratch);
}

namespace {
Owner myself() {
  return Owner{"me", "/", ::geteuid(), ::getegid(), false};
}

// A delivery that is killed when a part of the message is in the mailbox.
void die_within(const std::string& mbox, const std::string& part) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto message = short_message("x");
    message.next = [&part, told = false]() mutable -> Result<std::string> {
      if (std::exchange(told, true)) ::raise(SIGKILL);
      return part;
    };
    (void)append_to_mbox(mbox, myself(), message, 0);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(file_exists(mbox + ".lock"));
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}
}  // namespace

TEST_CASE("what a delivery that was killed left in an mbox is taken back by the next, at once") {
  Scratch scratch;
  const auto mbox = scratch.path + "/mbox";
  REQUIRE(append_to_mbox(mbox, myself(), short_message("1"), 0));
  const auto before = *read_file(mbox);
  for (const std::string& part : {std::string("Subject: half\n\nha"), std::string(200'000, 'x'),
                                  std::string("Subject: x\n\n>From a\nFrom quoted\nGreetings From here\n")}) {
    die_within(mbox, part);
    CHECK(read_file(mbox)->size() > before.size());
    const auto done = append_to_mbox(mbox, myself(), short_message("2"), 0);
    CHECK((done ? "" : done.error().text) == "");
    CHECK(*read_file(mbox) == before + before);
    CHECK_FALSE(file_exists(mbox + ".lock"));
    REQUIRE(::truncate(mbox.c_str(), static_cast<off_t>(before.size())) == 0);
  }
}

TEST_CASE("what others have written behind the half of a message stays, and the half with it") {
  for (const std::string other : {"\nFrom bob Sun Nov 22 15:00:00 2026\n\nbob's\n\n",
                                  "From bob Sun Nov 22 15:00:00 2026\n\nbob's\n\n"}) {
    Scratch scratch;
    const auto mbox = scratch.path + "/mbox";
    REQUIRE(append_to_mbox(mbox, myself(), short_message("1"), 0));
    die_within(mbox, "Subject: half\n\nha");
    const auto fd = open_file(mbox, O_WRONLY | O_APPEND);
    REQUIRE(fd);
    REQUIRE(write_all(fd->get(), other));
    REQUIRE(append_to_mbox(mbox, myself(), short_message("2"), 0));
    CHECK(count_of(*read_file(mbox), "bob's") == 1);
    CHECK(count_of(*read_file(mbox), "\ntext\n") == 2);
  }
}

TEST_CASE("a lock of somebody who may be alive, or may be anybody, is not broken") {
  Scratch scratch;
  const auto mbox = scratch.path + "/mbox", lock = mbox + ".lock";
  REQUIRE(append_to_mbox(mbox, myself(), short_message("1"), 0));
  const auto before = *read_file(mbox);
  die_within(mbox, "Subject: half\n\nha");
  const auto half = *read_file(mbox), note = *read_file(lock);
  const auto blank = note.find(' '), slash = note.find('/');
  REQUIRE(slash != std::string::npos);
  const auto elsewhere = note.substr(0, blank + 1) + "elsewhere.test" + note.substr(slash);
  for (const std::string& text : {elsewhere, std::string("1\n"), std::string(), std::string("999999999\n"),
                                  std::string("1\nwaxwing\n"), std::string(4096, ' ')}) {
    REQUIRE(replace_file(lock, text));
    const auto done = append_to_mbox(mbox, myself(), short_message("2"), 0);
    REQUIRE_FALSE(done);
    CHECK(done.error().fault == Fault::temporary);
    CHECK(*read_file(mbox) == half);
  }
  // Alive: this process, by a note that does not say when it started.
  const auto end = note.find(' ', note.find(' ', blank + 1) + 1);
  const auto living = std::to_string(::getpid()) + note.substr(note.find('\n'), end - note.find('\n'));
  REQUIRE(replace_file(lock, living + " 0 1 1\n"));
  CHECK_FALSE(append_to_mbox(mbox, myself(), short_message("2"), 0));
  // Another process has its number now.
  REQUIRE(replace_file(lock, living + " 1" + note.substr(note.find(' ', end + 1))));
  CHECK(append_to_mbox(mbox, myself(), short_message("2"), 0));
  CHECK(*read_file(mbox) == before + before);
  REQUIRE(::truncate(mbox.c_str(), static_cast<off_t>(before.size())) == 0);
  REQUIRE(replace_file(lock, note));
  REQUIRE(append_to_mbox(mbox, myself(), short_message("2"), 0));
  CHECK(*read_file(mbox) == before + before);
}

TEST_CASE("a lock that somebody else has planted cuts nothing off") {
  if (::geteuid() != 0) return skipped("only root makes files of others");
  Scratch scratch;
  const auto mbox = scratch.path + "/mbox", lock = mbox + ".lock";
  REQUIRE(append_to_mbox(mbox, myself(), short_message("1"), 0));
  die_within(mbox, "Subject: half\n\nha");
  const auto half = *read_file(mbox);
  REQUIRE(::chown(lock.c_str(), 60001, 60001) == 0);
  CHECK_FALSE(append_to_mbox(mbox, myself(), short_message("2"), 0));
  CHECK(*read_file(mbox) == half);
}
