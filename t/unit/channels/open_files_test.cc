#include "channels/master/open_files.h"

#include <fmt/format.h>

#include "channels/master/master.h"
#include "common/base/strings.h"
#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::channels;
using namespace waxwing::test;
using mta::queue::FileName;
using mta::queue::Reader;
using mta::queue::Status;

namespace {

constexpr std::size_t kHosts = 500;

std::string host_of(std::size_t i) {
  return fmt::format("host{}.example", i);
}

struct Bench {
  ScratchQueue scratch;
  EventLoop loop;
  WorkerPool workers{2};
  OpenFiles files{*scratch.queue, loop, workers};
  FileName name;

  explicit Bench(std::size_t body_bytes, std::size_t hosts = kHosts) {
    auto envelope = make_envelope("tcp_local", {});
    for (std::size_t i = 0; i < hosts; ++i)
      envelope.recipients.push_back(make_recipient(fmt::format("user{}@a.example", i), host_of(i)));
    name = enqueue(scratch, {envelope}, "Subject: x\r\n\r\n" + std::string(body_bytes, 'x') + "\r\n")[0];
  }
};

// What this process has read so far, by read() and the like.
std::uint64_t bytes_read() {
  const auto io = read_file("/proc/self/io").value();
  const auto at = io.find("rchar: ") + 7;
  return to_number<std::uint64_t>(std::string_view(io).substr(at, io.find('\n', at) - at)).value();
}

Task<void> serve(Bench& bench, std::size_t i, std::size_t& left, std::size_t& last) {
  auto file = bench.files.open(bench.name);
  REQUIRE(file);
  auto reader = (*file)->share();
  CHECK(reader.lock_host(host_of(i)).value());
  Work work(std::move(reader), host_of(i));
  CHECK(work.pending() == std::vector<std::size_t>{i});
  auto whole = co_await bench.files.verify(*file);
  CHECK(whole);
  REQUIRE(work.message().mark(i, {.status = Status::delivered}));
  if (work.message().all_done().value()) ++last;
  bench.files.let_go(bench.name.relative());
  if (--left == 0) bench.loop.stop();
}

void serve_all(Bench& bench) {
  std::size_t left = kHosts, last = 0;
  for (std::size_t i = 0; i < kHosts; ++i) bench.files.expect(bench.name.relative());
  // Some at once, as a channel program has it.
  bench.loop.post([&] {
    for (std::size_t i = 0; i < kHosts; ++i) spawn(serve(bench, (i * 7) % kHosts, left, last));
  });
  bench.loop.run();
  CHECK(last == 1);
}

}  // namespace

TEST_CASE("a file is opened, decoded and read once for all of its hosts") {
  for (const std::size_t body_bytes : {10'000, 300'000}) {  // the second on a worker
    INFO(body_bytes);
    Bench bench(body_bytes);
    const auto before = bytes_read();
    serve_all(bench);
    const auto read = bytes_read() - before;
    CHECK(bench.files.counts().opened == 1);
    CHECK(bench.files.counts().verified == 1);
    // Records and body once; of the marks a few with each host.
    CHECK(read < body_bytes + kHosts * std::size_t{8'000});
    CHECK(Reader::open(*bench.scratch.queue, bench.name)->all_done().value());
  }
}

TEST_CASE("what others mark in a file that is held open is seen") {
  Bench bench(1000, 3);
  bench.files.expect(bench.name.relative());
  bench.files.expect(bench.name.relative());
  const auto file = bench.files.open(bench.name).value();
  auto mine = file->share();
  REQUIRE(mine.lock_host(host_of(0)).value());
  // Another unit of this program.
  auto neighbour = bench.files.open(bench.name).value()->share();
  CHECK(bench.files.counts().opened == 1);
  CHECK_FALSE(neighbour.lock_host(host_of(0)).value());
  REQUIRE(neighbour.lock_host(host_of(1)).value());
  REQUIRE(neighbour.mark(1, {.status = Status::delivered}));
  CHECK(mine.left() == 2);
  // Another program, and an operator, who wants the rest back.
  auto other = Reader::open(*bench.scratch.queue, bench.name);
  REQUIRE(other);
  CHECK_FALSE(other->lock_host(host_of(1)).value());
  REQUIRE(other->lock_host(host_of(2)).value());
  REQUIRE(other->mark(2, {.status = Status::delivered}));
  CHECK(mine.left() == 2);
  CHECK_FALSE(mine.all_done().value());
  CHECK(mine.left() == 1);
  REQUIRE(mine.mark(0, {.give_back = true}));
  {
    auto first = std::move(mine);  // its lock goes with it
  }
  auto again = bench.files.open(bench.name).value()->share();
  REQUIRE(again.lock_host(host_of(0)).value());
  CHECK(again.envelope().recipients[0].progress.give_back);
  REQUIRE(again.mark(0, {.status = Status::removed}));
  CHECK(again.all_done().value());
}

TEST_CASE("a file that was held meanwhile is gone for the units that have not begun") {
  Bench bench(1000, 3);
  for (int i = 0; i < 3; ++i) bench.files.expect(bench.name.relative());
  REQUIRE(bench.files.open(bench.name));
  durable::Batch batch;
  (void)bench.scratch.queue->hold(bench.name, batch);
  REQUIRE(durable::commit(std::move(batch)));
  const auto file = bench.files.open(bench.name);
  REQUIRE_FALSE(file);
  CHECK(mta::queue::is_gone(file.error()));
}

TEST_CASE("few files stay open for units that only wait") {
  ScratchQueue scratch;
  EventLoop loop;
  WorkerPool workers{1};
  OpenFiles files(*scratch.queue, loop, workers);
  constexpr std::size_t kFiles = 50;
  const auto open_now = [] { return list_directory("/proc/self/fd").value().size(); };
  const auto before = open_now();
  std::vector<FileName> names;
  for (std::size_t i = 0; i < kFiles; ++i) {
    names.push_back(enqueue(scratch, {make_envelope("tcp_local", {"a@x.example", "b@y.example"})})[0]);
    for (int units = 0; units < 3; ++units) files.expect(names.back().relative());
    REQUIRE(files.open(names.back()));
  }
  CHECK(open_now() < before + 12);
  for (const auto& name : names)
    for (int units = 0; units < 3; ++units) files.let_go(name.relative());
  CHECK(open_now() <= before + 2);
}
