// What operators do to a file of the queue.
#include <set>

#include "common/base/failpoint.h"
#include "mta/queue/give_back.h"
#include "mta/queue/reroute.h"
#include "mta/queue/schedule_entry.h"
#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::mta::queue;
using namespace waxwing::test;

TEST_CASE("the wish to have a message returned stands in the file") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("tcp_local", {"a@one.test", "b@one.test"})})[0];
  {
    auto reader = Reader::open(*scratch.queue, name);
    REQUIRE(reader->mark(0, {.status = Status::delivered}));
    REQUIRE(durable::commit(reader->sync_marks()));
    REQUIRE(reader->lock_host(reader->envelope().recipients[0].host).value());
    const auto busy = mark_for_return(*scratch.queue, name);
    REQUIRE_FALSE(busy);
    CHECK(busy.error().fault == Fault::temporary);
  }
  REQUIRE(mark_for_return(*scratch.queue, name));
  auto reader = Reader::open(*scratch.queue, name);
  REQUIRE(reader);
  CHECK(reader->envelope().recipients[0].progress.status == Status::delivered);
  CHECK(reader->envelope().recipients[1].progress.status == Status::pending);
  CHECK(reader->envelope().recipients[1].progress.give_back);
  const auto entry = make_schedule_entry(name, reader->envelope(), reader->message_size());
  REQUIRE(entry.hosts.size() == 1);
  CHECK(entry.hosts[0].give_back);
  auto done = reader->envelope().recipients[1].progress;
  done.status = Status::failed;
  REQUIRE(reader->mark(1, done));
  CHECK_FALSE(Reader::open(*scratch.queue, name)->envelope().recipients[1].progress.give_back);
  CHECK_FALSE(mark_for_return(*scratch.queue, name));
}

TEST_CASE("a return that the disk refuses to keep is not answered as done") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("tcp_local", {"a@one.test"})})[0];
  arm_failpoints("durable.sync=eio");
  const auto refused = mark_for_return(*scratch.queue, name);
  arm_failpoints("");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().fault == Fault::temporary);
  CHECK(mark_for_return(*scratch.queue, name));
}

TEST_CASE("files of one message that are sent elsewhere together stay as many") {
  ScratchQueue scratch;
  const auto names = enqueue(scratch, {make_envelope("tcp_a", {"a@x"}), make_envelope("tcp_b", {"b@y"}),
                                       make_envelope("hold", {"c@z"})});
  std::set<std::string> recipients;
  for (const auto& name : names) {
    const auto moved = reroute(*scratch.queue, name);
    REQUIRE(moved);
    CHECK(moved->channel == "reprocess");
  }
  REQUIRE(scratch.queue->scan("reprocess", [&](const FileName& name) {
    recipients.insert(Reader::open(*scratch.queue, name)->envelope().recipients.at(0).address);
    return true;
  }));
  CHECK(recipients == std::set<std::string>{"a@x", "b@y", "c@z"});
}

TEST_CASE("a file that is being delivered is not sent another way as well") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("tcp_local", {"a@one.test"}, "one.test")})[0];
  {
    auto reader = Reader::open(*scratch.queue, name);
    REQUIRE(reader);
    REQUIRE(reader->lock_host("one.test").value());
    const auto busy = reroute(*scratch.queue, name);
    REQUIRE_FALSE(busy);
    CHECK(busy.error().fault == Fault::temporary);
    CHECK(file_exists(scratch.queue->path_of(name)));
    CHECK_FALSE(file_exists(scratch.root + "/queue/reprocess"));
  }
  const auto moved = reroute(*scratch.queue, name);
  REQUIRE(moved);
  CHECK_FALSE(file_exists(scratch.queue->path_of(name)));
  CHECK(file_exists(scratch.queue->path_of(*moved)));
}

TEST_CASE("a file that an operator deletes is gone for good with its batch") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("tcp_local", {"a@x"})})[0];
  durable::Batch batch;
  REQUIRE(scratch.queue->remove(name, batch));
  CHECK_FALSE(file_exists(scratch.queue->path_of(name)));
  CHECK_FALSE(batch.empty());
  CHECK(durable::commit(std::move(batch)));
}
