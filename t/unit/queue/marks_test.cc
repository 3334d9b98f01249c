// The marks on the recipients of a queue file, and who may make them.
#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::mta::queue;
using namespace waxwing::test;

TEST_CASE("marks are made in place and survive the reader") {
  ScratchQueue scratch;
  const auto name = enqueue(scratch, {make_envelope("tcp_local", {"a@x", "b@x", "c@x"})})[0];
  auto reader = Reader::open(*scratch.queue, name);
  REQUIRE(reader);
  REQUIRE(reader->mark(
      0, {.status = Status::delivered, .attempts = 1, .last_attempt_ms = 5, .last_text = "2.0.0 ok"}));
  REQUIRE(reader->mark(2, {.status = Status::pending,
                           .attempts = 7,
                           .notices = 2,
                           .last_attempt_ms = 99,
                           .last_text = std::string(1000, 'e')}));
  REQUIRE(durable::commit(reader->sync_marks()));
  CHECK_FALSE(reader->all_done().value());
  auto again = Reader::open(*scratch.queue, name);
  REQUIRE(again);
  CHECK(again->verify_message());
  const auto& recipients = again->envelope().recipients;
  CHECK(recipients[0].progress.status == Status::delivered);
  CHECK(recipients[0].progress.last_text == "2.0.0 ok");
  CHECK(recipients[1].progress.status == Status::pending);
  CHECK(recipients[2].progress.attempts == 7);
  CHECK(recipients[2].progress.notices == 2);
  CHECK(recipients[2].progress.last_text == std::string(240, 'e'));
  REQUIRE(again->mark(1, {.status = Status::failed}));
  REQUIRE(again->mark(2, {.status = Status::removed}));
  CHECK(again->all_done().value());
}

TEST_CASE("a torn slot loses its text, never its status") {
  const auto slot =
      encode_progress({.status = Status::delivered, .attempts = 3, .last_text = "some text"}, 256);
  for (std::size_t cut = 0; cut <= slot.size(); ++cut) {
    const auto progress = decode_progress(slot.substr(0, cut) + std::string(256 - cut, '\0'));
    CHECK(progress.status == (cut == 0 ? Status::pending : Status::delivered));
    CHECK((progress.last_text.empty() || progress.last_text == "some text"));
  }
  CHECK(decode_progress(std::string(256, '\x7f')).status == Status::pending);
  CHECK(decode_progress("").status == Status::pending);
}

TEST_CASE("a host's recipients belong to one reader at a time") {
  ScratchQueue scratch;
  auto envelope = make_envelope("tcp_local", {"a@x"}, "x.test");
  envelope.recipients.push_back(make_recipient("b@y", "y.test"));
  const auto name = enqueue(scratch, {envelope})[0];
  auto first = Reader::open(*scratch.queue, name);
  auto second = Reader::open(*scratch.queue, name);
  CHECK(first->lock_host("x.test").value());
  CHECK_FALSE(second->lock_host("x.test").value());
  CHECK(second->lock_host("y.test").value());
  REQUIRE(first->mark(0, {.status = Status::delivered}));
  first = permanent("closed");
  CHECK(second->lock_host("x.test").value());
  CHECK(second->envelope().recipients[0].progress.status == Status::delivered);
}
