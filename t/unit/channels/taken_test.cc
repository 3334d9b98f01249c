#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <cerrno>

#include "channels/resubmit/taken_mark.h"
#include "common/base/failpoint.h"
#include "t/unit/bad_disk.h"
#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::channels;
using mta::queue::FileName;
using mta::queue::Writer;

namespace {

// A message in the queue of reprocess, and the folder of the marks.
struct Scratch : test::ScratchQueue {
  const std::string marks = root + "/resubmit";
  const FileName old =
      test::enqueue(*this, {test::make_envelope("reprocess", {"a@x", "b@x", "c@x"})}).front();
  const Taken::Unit unit{old, 0};

  Taken taken(const std::string& run = "this") const { return {queue, marks, run}; }
  std::size_t mark_files() const { return file_exists(marks) ? list_directory(marks)->size() : 0; }
  std::size_t new_files() const {
    std::size_t count = 0;
    const auto channels = *queue->channels();
    for (const auto& channel : channels)
      if (channel != "reprocess") REQUIRE(queue->scan(channel, [&](const FileName&) { return ++count > 0; }));
    return count;
  }
};

Task<void> publish_marked(EventLoop& loop, Writer& writer, std::vector<mta::queue::Envelope> envelopes,
                          TakenMark& mark, test::Published& published) {
  WorkerPool workers(1);
  std::vector<Writer::Content> contents;
  contents.push_back({&writer, std::move(envelopes)});
  auto publishing = Writer::publish_all(std::move(contents), &workers, &mark);
  published = co_await std::move(publishing);
  loop.stop();
}

// The unit's message goes on to two channels, with that of another unit perhaps.
test::Published go_on(const Scratch& scratch, Taken& taken, Taken::Recipients recipients,
                      const std::vector<Taken::Unit>& others = {}) {
  auto writer = Writer::create(scratch.queue);
  if (!writer || !writer->write(test::kMessage)) return temporary("no writer");
  TakenMark mark(taken);
  mark.add(scratch.unit, std::move(recipients));
  for (const auto& other : others) mark.add(other, {0});
  std::vector<mta::queue::Envelope> envelopes{test::make_envelope("ims-ms", {"a@x"}),
                                              test::make_envelope("tcp_local", {"b@x"})};
  EventLoop loop;
  test::Published published;
  loop.post([&] { spawn(publish_marked(loop, *writer, std::move(envelopes), mark, published)); });
  loop.run();
  return published;
}

// The same in a process that dies at a failpoint.
void die_going_on(const Scratch& scratch, const std::string& failpoint,
                  const std::vector<Taken::Unit>& others = {}) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    arm_failpoints(failpoint);
    auto taken = scratch.taken();
    (void)go_on(scratch, taken, {0, 1}, others);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WEXITSTATUS(status) != 0);
}

}  // namespace

TEST_CASE("marks of what has gone on") {
  const Scratch scratch;
  auto taken = scratch.taken();
  CHECK(taken.of(scratch.unit, {0, 1, 2})->empty());
  const auto first = go_on(scratch, taken, {0, 2});
  REQUIRE(first);
  const auto second = go_on(scratch, taken, {1});
  REQUIRE(second);
  auto later = scratch.unit;
  later.file.attempts = 3;
  later.file.held = true;
  auto next = scratch.taken();
  for (auto* each : {&taken, &next}) {
    const auto gone = each->of(later, {0, 1});
    REQUIRE(gone);
    CHECK(*gone == Taken::GoneOn{{0, first->front().id}, {1, second->front().id}});
  }
  CHECK(taken.of({scratch.old, 1}, {0, 1, 2})->empty());  // another host's
  CHECK(scratch.mark_files() == 2);
  REQUIRE(taken.clean("reprocess"));
  CHECK(scratch.mark_files() == 2);
  REQUIRE(scratch.queue->remove(scratch.old));
  REQUIRE(taken.clean("other"));
  CHECK(scratch.mark_files() == 2);
  SECTION("they go with the file") {
    taken.forget(scratch.unit);
  }
  SECTION("they are found when it has gone") {
    REQUIRE(taken.clean("reprocess"));
  }
  CHECK(scratch.mark_files() == 0);
}

TEST_CASE("a commit that fails leaves no mark without its message") {
  const Scratch scratch;
  auto taken = scratch.taken();
  REQUIRE(go_on(scratch, taken, {2}));  // the folders are there
  taken.forget(scratch.unit);
  const auto before = scratch.new_files();
  // The disk fails once, in the commit or in what puts things straight behind it.
  bool done = false;
  for (long n = 1; !done; ++n) {
    arm_failpoints("durable.syncdir=eio");
    {
      const BadDisk bad(scratch.marks, n, EIO);
      CHECK_FALSE(go_on(scratch, taken, {0}));
      done = !BadDisk::failed();
    }
    arm_failpoints("");
    INFO(n);
    const bool there = scratch.new_files() > before;
    CHECK(scratch.mark_files() == (there ? 1 : 0));
    const auto gone = taken.of(scratch.unit, {0});
    REQUIRE(gone);
    CHECK(gone->size() == (there ? 1 : 0));
    CHECK(scratch.temporary_files() == 0);
    taken.forget(scratch.unit);
    if (there) return;  // the mark could not be taken back: the last of the calls that matter
  }
  FAIL("a mark that stays was not made");
}

TEST_CASE("who dies behind a commit that failed leaves no mark without its message") {
  for (int n = 1; n <= 3; ++n) {
    INFO(n);
    const Scratch scratch;
    die_going_on(scratch, "durable.syncdir=eio;durable.remove=exit@" + std::to_string(n));
    CHECK(scratch.mark_files() == (n == 1 ? 1 : 0));
    CHECK(scratch.new_files() == (n == 3 ? 1 : 2));
  }
}

TEST_CASE("who dies in the commit leaves a message that goes on once") {
  // Names: the mark, the two files; then their directories.
  const char* failpoint = GENERATE("durable.publish=exit@1", "durable.publish=exit@2",
                                   "durable.publish=exit@3", "durable.syncdir=exit@1");
  const Scratch scratch;
  die_going_on(scratch, failpoint);
  auto taken = scratch.taken();
  const auto gone = taken.of(scratch.unit, {0, 1, 2});
  REQUIRE(gone);
  const bool nothing = std::string_view(failpoint).ends_with("publish=exit@1");
  CHECK(gone->size() == (nothing ? 0 : 2));
  CHECK(scratch.new_files() == (nothing ? 0 : 2));
  CHECK(scratch.temporary_files() == (nothing ? 2 : 0));
  REQUIRE(taken.clean("reprocess"));
  CHECK(scratch.mark_files() == (nothing ? 0 : 1));  // no draft
}

TEST_CASE("who dies in the commit of several units leaves all of them gone on, or none") {
  for (int n = 1; n <= 5; ++n) {
    for (std::size_t looks_first = 0; looks_first < 3; ++looks_first) {
      INFO(n << " " << looks_first);
      const Scratch scratch;
      const std::vector<Taken::Unit> others{{scratch.old, 1}, {scratch.old, 2}};
      die_going_on(scratch, "durable.publish=exit@" + std::to_string(n), others);
      const std::vector<Taken::Unit> units{scratch.unit, others[0], others[1]};
      auto taken = scratch.taken();
      for (std::size_t i = 0; i < units.size(); ++i) {
        const auto gone = taken.of(units[(looks_first + i) % units.size()], {0});
        REQUIRE(gone);
        CHECK(gone->size() == (n == 1 ? 0 : 1));
      }
      CHECK(scratch.new_files() == (n == 1 ? 0 : 2));
      CHECK(scratch.mark_files() == (n == 1 ? 0 : 3));  // no draft
    }
  }
}

TEST_CASE("after a cut a mark counts when its message is there") {
  const Scratch scratch;
  auto before = scratch.taken("before");
  const auto files = go_on(scratch, before, {0});
  REQUIRE(files);
  auto taken = scratch.taken();
  SECTION("there") {
    REQUIRE(scratch.queue->rename_attempts(files->front(), 3));
    CHECK(taken.of(scratch.unit, {0})->size() == 1);
  }
  SECTION("in part") {
    REQUIRE(scratch.queue->remove(files->front()));
    CHECK(taken.of(scratch.unit, {0})->empty());
  }
  SECTION("not whole") {
    const auto fd = open_file(scratch.queue->path_of(files->back()), O_WRONLY);
    REQUIRE(write_at(fd->get(), 10, "rot"));
    CHECK(taken.of(scratch.unit, {0})->empty());
  }
  SECTION("the mark is not whole") {
    const auto path = scratch.marks + "/" + list_directory(scratch.marks)->front();
    { const auto fd = open_file(path, O_WRONLY | O_TRUNC); }
    CHECK(taken.of(scratch.unit, {0})->empty());
  }
  // Whatever is so, the next one has a name of its own.
  REQUIRE(go_on(scratch, taken, {1}));
  CHECK(scratch.mark_files() == 2);
  CHECK(taken.of(scratch.unit, {1})->size() == 1);
}

TEST_CASE("the text of a mark") {
  MarkRecord record{"run",        "Q1", {0, 7}, {{*FileName::parse("ims-ms/042/ZZQ1.00"), ".tmp/05/Q1.00.1"}},
                    {"a=b", "c"}, "d"};
  const auto text = encode_mark(record);
  const auto read = parse_mark(text);
  REQUIRE(read);
  CHECK(read->run == "run");
  CHECK(read->queue_id == "Q1");
  CHECK(read->recipients == std::vector<std::size_t>{0, 7});
  REQUIRE(read->files.size() == 1);
  CHECK(read->files[0].name.relative() == "ims-ms/042/ZZQ1.00");
  CHECK(read->files[0].temporary == ".tmp/05/Q1.00.1");
  CHECK(read->with == record.with);
  CHECK(read->behind == "d");
  for (std::size_t size = 0; size < text.size(); ++size) CHECK_FALSE(parse_mark(text.substr(0, size)));
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto rot = text;
    rot[at] ^= 1;
    CHECK_FALSE(parse_mark(rot));
  }
}
