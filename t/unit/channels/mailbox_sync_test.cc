// What native has on disk when it answers: every fsync of this program is looked at.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "channels/native_master/mailbox.h"
#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/journal_control.h"
#include "common/base/random.h"

using namespace waxwing;
using namespace waxwing::channels;

namespace {

// What a disk may hold of one file: its bytes at the last sync of it, and those that were there at any sync since.
class OnDisk {
 public:
  explicit OnDisk(std::string path) : path_(std::move(path)) {}

  void before_sync(const struct stat& status) {
    synced_.insert(status.st_ino);
    struct stat mine {};
    const auto text = read_file(path_);
    if (!text || ::stat(path_.c_str(), &mine) != 0) return;
    if (status.st_ino == mine.st_ino) bytes_.clear();
    bytes_.insert(*text);
    if (S_ISDIR(status.st_mode)) named_ = true;
  }
  void after_sync(const struct stat& status) {
    struct stat folder {};
    const auto above = std::filesystem::path(path_).parent_path().string();
    if (::stat(above.c_str(), &folder) == 0 && folder.st_ino == status.st_ino) named_ = file_exists(path_);
  }

  bool is_synced(const std::string& path) const {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && synced_.contains(status.st_ino);
  }
  // Empty: a cut cannot bring the file back.
  std::set<std::string> after_cut() const { return named_ ? bytes_ : std::set<std::string>(); }

 private:
  const std::string path_;
  std::set<ino_t> synced_;
  std::set<std::string> bytes_;
  bool named_ = false;
};

std::mutex watching;
OnDisk* watched = nullptr;

class Watch {
 public:
  explicit Watch(OnDisk& disk) { set(&disk); }
  ~Watch() { set(nullptr); }

 private:
  static void set(OnDisk* disk) {
    const std::lock_guard lock(watching);
    watched = disk;
  }
};

}  // namespace

// Stands before that of the C library.
extern "C" int fsync(int fd) {
  const std::lock_guard lock(watching);
  struct stat status {};
  const bool look = watched != nullptr && ::fstat(fd, &status) == 0;
  if (look) watched->before_sync(status);
  const auto done = static_cast<int>(::syscall(SYS_fsync, fd));
  if (look && done == 0) watched->after_sync(status);
  return done;
}

namespace {

struct Scratch {
  std::string path = "/tmp/waxwing-native-sync-" + unique_id();
  Scratch() { std::filesystem::create_directories(path); }
  ~Scratch() { std::filesystem::remove_all(path); }
};

Owner myself() {
  return Owner{"me", "/", ::geteuid(), ::getegid(), false};
}

NativeMessage message_of(const std::string& id) {
  NativeMessage message;
  message.id = id;
  message.next = [id, told = false]() mutable -> Result<std::string> {
    return std::exchange(told, true) ? "" : "Subject: " + id + "\n\ntext\n";
  };
  return message;
}

std::string of_another_boot(std::string note) {
  const auto boot = durable::boot_id();
  const auto at = note.find(boot);
  if (at != std::string::npos) note.replace(at, boot.size(), std::string(boot.size(), '0'));
  return note;
}

}  // namespace

TEST_CASE("a lock that a power cut brings back takes back nothing that was delivered") {
  Scratch scratch;
  const auto mbox = scratch.path + "/mbox", lock = mbox + ".lock";
  REQUIRE(append_to_mbox(mbox, myself(), message_of("first"), 0));
  OnDisk disk(lock);
  {
    const Watch watch(disk);
    REQUIRE(append_to_mbox(mbox, myself(), message_of("second"), 0));
  }
  CHECK(disk.is_synced(mbox));
  const auto delivered = *read_file(mbox);
  for (const auto& note : disk.after_cut()) {
    INFO(note);
    REQUIRE(replace_file(lock, of_another_boot(note)));
    const auto done = append_to_mbox(mbox, myself(), message_of("third"), 0);
    CHECK((done ? "" : done.error().text) == "");
    CHECK(read_file(mbox)->starts_with(delivered));
    REQUIRE(::truncate(mbox.c_str(), static_cast<off_t>(delivered.size())) == 0);
  }
}

TEST_CASE("a message whose lock cannot be struck out is not delivered, and not left either") {
  Scratch scratch;
  const auto mbox = scratch.path + "/mbox";
  REQUIRE(append_to_mbox(mbox, myself(), message_of("first"), 0));
  const auto before = *read_file(mbox);
  arm_failpoints("durable.sync=eio@3");  // mailbox, folder, lock
  const auto done = append_to_mbox(mbox, myself(), message_of("second"), 0);
  arm_failpoints("");
  REQUIRE_FALSE(done);
  CHECK(done.error().fault == Fault::temporary);
  CHECK(*read_file(mbox) == before);
  REQUIRE(append_to_mbox(mbox, myself(), message_of("second"), 0));
}

TEST_CASE("what is cut off an mbox is cut off on disk before the lock that tells of it goes") {
  Scratch scratch;
  const auto mbox = scratch.path + "/mbox", lock = mbox + ".lock";
  REQUIRE(append_to_mbox(mbox, myself(), message_of("first"), 0));
  const auto before = *read_file(mbox);
  const pid_t child = ::fork();
  if (child == 0) {
    auto message = message_of("half");
    message.next = [told = false]() mutable -> Result<std::string> {
      if (std::exchange(told, true)) ::_exit(0);
      return "Subject: ha";
    };
    (void)append_to_mbox(mbox, myself(), message, 0);
    ::_exit(1);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  arm_failpoints("durable.sync=eio@1");
  CHECK_FALSE(append_to_mbox(mbox, myself(), message_of("second"), 0));
  arm_failpoints("");
  CHECK(file_exists(lock));
  REQUIRE(append_to_mbox(mbox, myself(), message_of("second"), 0));
  CHECK(read_file(mbox)->starts_with(before));
  CHECK(read_file(mbox)->find("Subject: ha") == std::string::npos);
}

namespace {
void put_in_vain(const std::string& folder, const std::string& failpoint) {
  const pid_t child = ::fork();
  if (child == 0) {
    arm_failpoints(failpoint);
    ::_exit(put_into_maildir(folder, myself(), message_of("it")) ? 1 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(!(WIFEXITED(status) && WEXITSTATUS(status) == 1));
}
}  // namespace

// The first sync is that of the message, the second that of the folder that it was moved to.
TEST_CASE("a message that an attempt before has put into new counts when it is synced there") {
  for (const std::string failpoint : {"durable.sync=exit@2", "durable.sync=eio@2", "durable.sync=exit@1"}) {
    INFO(failpoint);
    Scratch scratch;
    const auto folder = scratch.path + "/Maildir";
    put_in_vain(folder, failpoint);
    OnDisk disk(folder + "/new/0.it");
    {
      const Watch watch(disk);
      const auto done = put_into_maildir(folder, myself(), message_of("it"));
      CHECK((done ? "" : done.error().text) == "");
    }
    CHECK(disk.is_synced(folder + "/new"));
    CHECK(disk.is_synced(folder + "/new/0.it"));
    CHECK(list_directory(folder + "/new")->size() == 1);
    CHECK(list_directory(folder + "/tmp")->empty());
  }
}

TEST_CASE("a message in new whose folder could not be synced is written again") {
  Scratch scratch;
  const auto folder = scratch.path + "/Maildir";
  put_in_vain(folder, "durable.sync=eio@2");
  CHECK(list_directory(folder + "/new")->empty());
}
