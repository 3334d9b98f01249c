// Where names become durable in no order: what is synced there, and what is not.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "common/base/file_system.h"
#include "common/base/journal_control.h"
#include "common/base/time.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;

namespace {
Result<> deliver(const JournalScratch& scratch, const std::string& from, const std::string& to) {
  if (::link(scratch.path(from).c_str(), scratch.path(to).c_str()) != 0) return temporary("link");
  durable::Batch batch;
  batch.linked(scratch.path(from), scratch.path(to));
  return durable::commit(std::move(batch));
}

// Files are told by the moment of their birth, which the kernel knows to a few milliseconds only: made until it is
// later than the checkpoint.
bool publish_late(const JournalScratch& scratch) {
  const auto checkpoint = wall_ms();
  for (;;) {
    struct statx status {};
    if (!scratch.publish("late", "message")) return false;
    if (::statx(AT_FDCWD, scratch.path("late").c_str(), 0, STATX_BTIME, &status) != 0) return false;
    if ((status.stx_mask & STATX_BTIME) == 0) return false;
    if (status.stx_btime.tv_sec * 1000 + status.stx_btime.tv_nsec / 1'000'000 > checkpoint) return true;
  }
}

// One life in which no directory can be synced. 0: work answered true.
int life_on(const char* file_system, const JournalScratch& scratch, const std::function<bool()>& work) {
  return JournalScratch::life([&] {
    ::setenv("WAXWING_TEST_FILE_SYSTEM", file_system, 1);
    if (!scratch.open() || !scratch.publish("early", "message") || !durable::settle()) return false;
    if (!publish_late(scratch)) return false;
    arm_failpoints("durable.syncdir=eio");
    return work();
  });
}
}  // namespace

// The removal of the one name has reached the disk, the link has not.
TEST_CASE("where names have no order, a link to what the log lacks brings the bytes along") {
  for (const char* const file_system : {"in_no_order", "in_order"}) {
    JournalScratch scratch;
    CHECK(life_on(file_system, scratch, [&] {
            return deliver(scratch, "early", "box") && durable::remove(scratch.path("early"));
          }) == 0);
    ::unlink(scratch.path("box").c_str());
    scratch.power_cut();
    REQUIRE(scratch.restart() == 0);
    // Where there is an order no disk looks like this, and the log is not made longer for it.
    CHECK(scratch.read("box") == (file_system == std::string("in_order") ? "(none)" : "message"));
  }
}

TEST_CASE("where names have no order, a small file that was committed with a large one is not lost either") {
  JournalScratch scratch;
  CHECK(life_on("in_no_order", scratch, [&] {
          arm_failpoints("");
          auto large = open_file(scratch.path("large"), O_CREAT | O_RDWR);
          auto small = open_file(scratch.path("small"), O_CREAT | O_RDWR);
          if (!write_all(large->get(), std::string(durable::kLargeContent + 1, 'x'))) return false;
          if (!write_all(small->get(), "message")) return false;
          durable::Batch batch;
          batch.content(large->get(), scratch.path("large")).content(small->get(), scratch.path("small"));
          return durable::commit(std::move(batch)) && deliver(scratch, "small", "box") &&
                 durable::remove(scratch.path("small"));
        }) == 0);
  ::unlink(scratch.path("box").c_str());
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("box") == "message");
}

TEST_CASE("where names have no order, a link to what the log has costs no sync") {
  JournalScratch scratch;
  CHECK(life_on("in_no_order", scratch, [&] { return bool(deliver(scratch, "late", "box")); }) == 0);
}

TEST_CASE("where names have an order, no link costs a sync") {
  JournalScratch scratch;
  CHECK(life_on("in_order", scratch,
                [&] { return deliver(scratch, "early", "box1") && deliver(scratch, "late", "box2"); }) == 0);
}

TEST_CASE("where names have no order, a link to what is too large for the log is synced") {
  JournalScratch scratch;
  CHECK(life_on("in_no_order", scratch, [&] {
          arm_failpoints("");
          if (!scratch.publish("large", std::string(durable::kLargeContent + 1, 'x'))) return false;
          arm_failpoints("durable.syncdir=eio");
          return !deliver(scratch, "large", "box");
        }) == 0);
}

TEST_CASE("a file that only the disk has keeps its name until it has another one on disk") {
  JournalScratch scratch;
  const auto move = [&](const std::string& from) {
    return bool(durable::rename(scratch.path(from), scratch.path("moved")));
  };
  SECTION("the sync fails") {
    CHECK(life_on("in_no_order", scratch, [&] { return !move("early"); }) == 0);
    CHECK(scratch.read("early") == "message");
    CHECK(scratch.read("moved") == "(none)");
  }
  SECTION("death before the sync") {
    CHECK(life_on("in_no_order", scratch, [&] {
            arm_failpoints("durable.syncdir=exit");
            return move("early");
          }) != 0);
    CHECK(scratch.read("early") == "message");
    // Both names are there: the next try ends with one.
    CHECK(JournalScratch::life([&] {
            ::setenv("WAXWING_TEST_FILE_SYSTEM", "in_no_order", 1);
            return scratch.open() && move("early");
          }) == 0);
    CHECK(scratch.read("early") == "(none)");
    CHECK(scratch.read("moved") == "message");
  }
  SECTION("what the log has") {
    CHECK(life_on("in_no_order", scratch, [&] { return move("late"); }) == 0);
    CHECK(scratch.read("late") == "(none)");
  }
  SECTION("what the log has, but a checkpoint is on its way") {
    CHECK(life_on("in_no_order", scratch, [&] {
            auto lock = open_file(scratch.root + "/journal/lock", O_RDWR);
            auto control = durable::Control::attach(scratch.root + "/run/journal", lock->get());
            if (!control || !*control) return false;
            const durable::RobustLock checkpoint((*control)->checkpoint);
            return !move("late");
          }) == 0);
    CHECK(scratch.read("late") == "message");
  }
  SECTION("where there is an order") {
    CHECK(life_on("in_order", scratch, [&] { return move("early"); }) == 0);
  }
}

TEST_CASE("a replay that finds both names of a file that was renamed leaves the later one") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    return scratch.open() && scratch.publish("one", "x") &&
           durable::rename(scratch.path("one"), scratch.path("two")) && scratch.publish("other", "y");
  }) == 0);
  REQUIRE(::link(scratch.path("two").c_str(), scratch.path("one").c_str()) == 0);
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("one") == "(none)");
  CHECK(scratch.read("two") == "x");
}

TEST_CASE("whether ext4 has a journal is read from the system") {
  JournalScratch scratch;
  const auto tell = [&](const std::string& name, const std::string& text) {
    const auto path = scratch.root + "/" + name;
    REQUIRE(make_directories(path.substr(0, path.rfind('/'))));
    REQUIRE(replace_file(path, text));
  };
  tell("sys/fs/ext4/vda1/journal_task", "277\n");
  tell("sys/fs/ext4/vdb/journal_task", "<none>\n");
  tell("proc/fs/jbd2/vdc-8/info", "");
  using Names = FileSystem::Names;
  const auto names_of = [&](const char* device) { return ext_file_system(device, scratch.root).names; };
  CHECK(names_of("vda1") == Names::in_order);
  CHECK(names_of("vdb") == Names::in_no_order);
  CHECK(names_of("vdc") == Names::in_order);
  CHECK(names_of("vda") == Names::unknown);
  CHECK(names_of("") == Names::unknown);
  CHECK(ext_file_system("vdb", scratch.root).kind == "ext4 without a journal (vdb)");
}

TEST_CASE("a file that says it is larger than what stands in it is read, as those of sysfs are") {
  const std::string any = "/sys/kernel/mm/transparent_hugepage/enabled";
  struct stat info {};
  if (::stat(any.c_str(), &info) != 0 || info.st_size < 4096) return;  // no sysfs here
  JournalScratch scratch;
  const auto folder = scratch.root + "/sys/fs/ext4/vdd";
  REQUIRE(make_directories(folder));
  REQUIRE(::symlink(any.c_str(), (folder + "/journal_task").c_str()) == 0);
  CHECK(ext_file_system("vdd", scratch.root).names == FileSystem::Names::in_order);
}

TEST_CASE("memory keeps nothing, and a path that is not there is no file system that is known") {
  if (file_system_of("/dev/shm").kind.starts_with("tmpfs"))
    CHECK(file_system_of("/dev/shm").names == FileSystem::Names::in_no_order);
  CHECK(file_system_of("/nowhere/at/all").names == FileSystem::Names::unknown);
}
