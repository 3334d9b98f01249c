#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/random.h"

using namespace waxwing;

namespace {
struct Scratch {
  std::string path = "/tmp/waxwing-durable-" + unique_id();
  Scratch() { std::filesystem::create_directories(path); }
  ~Scratch() {
    arm_failpoints("");
    std::filesystem::remove_all(path);
  }
  Result<> publish(const std::string& name) const {
    TRY(auto fd, open_file(path + "/" + name + ".tmp", O_CREAT | O_WRONLY));
    TRY_VOID(write_all(fd.get(), "content of " + name));
    durable::Batch batch;
    batch.file(fd.get())
        .rename(path + "/" + name + ".tmp", path + "/" + name)
        .link(path + "/" + name, path + "/" + name + ".2");
    return durable::commit(std::move(batch));
  }
};
}  // namespace

TEST_CASE("a batch is published under all its names") {
  Scratch scratch;
  REQUIRE(scratch.publish("one"));
  CHECK(read_file(scratch.path + "/one") == "content of one");
  CHECK(read_file(scratch.path + "/one.2") == "content of one");
  CHECK_FALSE(file_exists(scratch.path + "/one.tmp"));
}

TEST_CASE("contents, links made before, ranges and removals are taken in one batch") {
  Scratch scratch;
  const auto one = scratch.path + "/one";
  auto fd = open_file(one + ".tmp", O_CREAT | O_RDWR);
  REQUIRE(fd);
  REQUIRE(write_all(fd->get(), "one"));
  REQUIRE(durable::commit(std::move(durable::Batch().content(fd->get(), one).rename(one + ".tmp", one))));
  REQUIRE(::link(one.c_str(), (one + ".2").c_str()) == 0);
  REQUIRE(durable::remove(one));
  REQUIRE(durable::remove(one));  // missing is success
  REQUIRE(write_at(fd->get(), 0, "O"));
  durable::Range range{one + ".2", fd->get(), 0, [](std::string& image) { image += 'O'; }, 0, {}};
  durable::Batch batch;
  batch.linked(one, one + ".2").range(std::move(range)).removed(one);
  const auto done = durable::commit(std::move(batch));
  REQUIRE(done);
  CHECK(read_file(one + ".2") == "One");
  REQUIRE(durable::rename(one + ".2", one));
  CHECK(read_file(one) == "One");
  CHECK(durable::settle());
}

TEST_CASE("a disk that fails at any step fails the batch with its reason, and the next one works") {
  for (const auto* point : {"durable.sync", "durable.publish", "durable.syncdir"}) {
    INFO(point);
    Scratch scratch;
    arm_failpoints(std::string(point) + "=enospc@1");
    const auto failed = scratch.publish("one");
    REQUIRE_FALSE(failed);
    CHECK(failed.error().fault == Fault::temporary);
    CHECK_THAT(failed.error().text, Catch::Contains("No space left"));
    CHECK(scratch.publish("two"));
  }
}

TEST_CASE("a batch that names a file that is not there does not harm its neighbours") {
  Scratch scratch;
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 40; ++i)
    threads.emplace_back([&, i] {
      if (i % 10 == 0) {
        durable::Batch batch;
        batch.rename(scratch.path + "/missing", scratch.path + "/x");
        good += durable::commit(std::move(batch)) ? 100 : 0;
      } else {
        good += scratch.publish("f" + std::to_string(i)) ? 1 : 0;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(good == 36);
  const auto counters = durable::counters();
  CHECK(counters.passes <= counters.batches);
}

// Run by the next test case in a process of its own.
TEST_CASE("publish one file in the folder named by the environment", "[.child]") {
  Scratch scratch;
  scratch.path = std::getenv("WAXWING_TEST_FOLDER");
  (void)scratch.publish("one");
}

TEST_CASE("death at a step leaves the name absent or whole") {
  for (const auto* point : {"durable.sync", "durable.publish", "durable.syncdir"}) {
    INFO(point);
    Scratch scratch;
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("WAXWING_FAILPOINTS", (std::string(point) + "=exit@1").c_str(), 1);
      ::setenv("WAXWING_TEST_FOLDER", scratch.path.c_str(), 1);
      ::execl("/proc/self/exe", "base", "[.child]", nullptr);
      ::_exit(1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 137);
    CHECK(file_exists(scratch.path + "/one") == (std::string(point) == "durable.syncdir"));
    if (file_exists(scratch.path + "/one")) CHECK(read_file(scratch.path + "/one") == "content of one");
  }
}
