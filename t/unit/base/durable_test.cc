#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

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
namespace {
durable::Batch batch_of(const std::string& path, UniqueFd& fd) {
  // Thrown, and not required: threads of a test make no assertions.
  fd = open_file(path, O_CREAT | O_RDWR).value();
  if (!write_all(fd.get(), path)) throw std::runtime_error("cannot write " + path);
  return std::move(durable::Batch().content(fd.get(), path));
}
}  // namespace

TEST_CASE("who finds nobody committing does it, and answers on the same thread") {
  Scratch scratch;
  UniqueFd fd;
  std::thread::id answered;
  const durable::Blocking nowhere = [](const std::function<void()>&) { FAIL("nobody else is needed"); };
  const auto done = [&](const Result<>& outcome) {
    CHECK(outcome);
    answered = std::this_thread::get_id();
  };
  durable::commit_here(batch_of(scratch.path + "/one", fd), done, nowhere);
  CHECK(answered == std::this_thread::get_id());
}

TEST_CASE("an answer that waits for other commits does not keep them from being done") {
  Scratch scratch;
  UniqueFd first, second, third;
  Result<> from_thread = temporary("not done"), from_answer = temporary("not done");
  const durable::Blocking nowhere = [](const std::function<void()>&) { FAIL("nobody else is needed"); };
  const auto done = [&](const Result<>&) {
    std::thread([&] { from_thread = durable::commit(batch_of(scratch.path + "/two", second)); }).join();
    from_answer = durable::commit(batch_of(scratch.path + "/three", third));
  };
  durable::commit_here(batch_of(scratch.path + "/one", first), done, nowhere);
  CHECK(from_thread);
  CHECK(from_answer);
}

TEST_CASE("every commit is answered once, and one that may block only where that is allowed") {
  static thread_local bool may_block = false;
  constexpr int kThreads = 6, kEach = 60;
  Scratch scratch;
  static std::atomic<int> answers, wrong;  // who answers last may be in here still when all are counted
  answers = wrong = 0;
  const durable::Blocking here = [](const std::function<void()>& work) {
    std::thread([work] {
      may_block = true;
      work();
    }).join();
  };
  const auto one = [&](const std::string& path, int kind) {
    auto fd = std::make_shared<UniqueFd>();
    auto batch = batch_of(path, *fd);
    if (kind == 0) {
      if (!durable::commit(std::move(batch))) wrong += 1;
      answers += 1, answers.notify_all();
    } else if (kind == 1) {
      durable::commit_async(std::move(batch), [fd](const Result<>& outcome) {
        if (!outcome) wrong += 1;
        answers += 1, answers.notify_all();
      });
    } else {
      may_block = true;
      const auto done = [fd](const Result<>& outcome) {
        if (!outcome || !may_block) wrong += 1;
        answers += 1, answers.notify_all();
      };
      durable::commit_here(std::move(batch), done, here);
      may_block = false;
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      for (int n = 0; n < kEach; ++n)
        one(scratch.path + "/" + std::to_string(thread) + "." + std::to_string(n), (thread + n) % 3);
    });
  for (auto& thread : threads) thread.join();
  // Answers of the last pass may still be on their way: each is told of.
  for (auto seen = answers.load(); seen < kThreads * kEach; seen = answers.load()) answers.wait(seen);
  CHECK(answers == kThreads * kEach);
  CHECK(wrong == 0);
}

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
