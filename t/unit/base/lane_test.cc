#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/durable_committer.h"
#include "common/base/failpoint.h"

using namespace waxwing;
using namespace waxwing::durable;

namespace {
std::atomic<int> throws_left{0};
std::atomic<bool> in_the_crew{false};

void throw_some() {
  if (throws_left.fetch_sub(1) > 0) throw std::bad_alloc();
}

void a_pass(std::vector<Job>&, Crew& crew) {
  if (!in_the_crew) throw_some();
  crew.each(4, [](std::size_t) { throw_some(); });
}

// Never destroyed: its thread has no end.
Lane& new_lane() {
  return *new Lane(a_pass);
}

// A commit that nobody ever answers must fail the test, not stop it.
Result<> commit_within_a_minute(Lane& lane) {
  auto promise = std::make_shared<std::promise<Result<>>>();
  auto answered = promise->get_future();
  std::thread([promise, &lane] { promise->set_value(lane.commit({})); }).detach();
  if (answered.wait_for(std::chrono::minutes(1)) != std::future_status::ready) return bug("never answered");
  return answered.get();
}

Result<> submitted(Lane& lane) {
  std::promise<Result<>> promise;
  auto answered = promise.get_future();
  lane.submit({{}, [&](Result<> outcome) { promise.set_value(std::move(outcome)); }, {}, nullptr});
  return answered.get();
}
}  // namespace

TEST_CASE("a pass that throws fails its jobs for now, and the next commits go on") {
  auto& lane = new_lane();
  for (int round = 0; round < 3; ++round) {
    in_the_crew = round == 1;
    throws_left = 1;
    const auto failed = commit_within_a_minute(lane);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().fault == Fault::temporary);
    CHECK_THAT(failed.error().text, Catch::Contains("the commit was broken off: "));
    throws_left = 0;
    CHECK(commit_within_a_minute(lane));
  }
}

TEST_CASE("a pass of the lane's own thread may throw too") {
  auto& lane = new_lane();
  throws_left = 1;
  const auto failed = submitted(lane);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().fault == Fault::temporary);
  throws_left = 0;
  CHECK(submitted(lane));
}

TEST_CASE("a system that gives no thread keeps nobody waiting, and later it may give one") {
  auto& lane = new_lane();
  throws_left = 0;
  arm_failpoints("durable.thread=eio;crew.thread=eio");
  CHECK(commit_within_a_minute(lane));
  const auto failed = submitted(lane);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().fault == Fault::temporary);
  CHECK_THAT(failed.error().text, Catch::Contains("no thread can be started"));
  CHECK(commit_within_a_minute(lane));
  arm_failpoints("");
  CHECK(submitted(lane));
}

TEST_CASE("whoever commits while no thread is to be had serves those who came meanwhile") {
  static std::promise<void>* go_on;
  static std::promise<void>* begun;
  auto& lane = *new Lane([](std::vector<Job>&, Crew&) {
    if (begun == nullptr) return;
    std::exchange(begun, nullptr)->set_value();
    go_on->get_future().wait();
  });
  std::promise<void> first, second;
  begun = &first;
  go_on = &second;
  auto begins = first.get_future();
  arm_failpoints("durable.thread=eio");
  auto one = std::async(std::launch::async, [&] { return lane.commit({}); });
  begins.wait();
  std::promise<Result<>> promise;
  auto two = promise.get_future();
  lane.submit({{}, [&](Result<> outcome) { promise.set_value(std::move(outcome)); }, {}, nullptr});
  second.set_value();
  CHECK(one.get());
  CHECK(two.get());
  CHECK(lane.counters().passes == 2);
  arm_failpoints("");
}
