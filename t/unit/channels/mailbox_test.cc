#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "channels/native_master/mailbox.h"
#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/random.h"

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
  if (::geteuid() != 0) return;  // only root lends rights
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
