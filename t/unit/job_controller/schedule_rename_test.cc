// What happens to a message while its file gets another name.
#include "t/unit/job_controller/schedule_bench.h"

using namespace waxwing;
using namespace waxwing::job_controller;

TEST_CASE("while the disk renames a file nothing of it is given out, and everything else is") {
  Bench bench;
  bench.disk_is_slow = true;
  const auto name = *FileName::parse(bench.add("tcp_local", {"a.test", "b.test"}));
  const auto other = bench.add("tcp_local", {"b.test"});
  const auto work = bench.take();
  REQUIRE(work);
  CHECK(work->host == "a.test");
  bench.schedule.deferred(work->unit, {}, bench.now);
  CHECK(bench.schedule.is_renaming(name));
  CHECK(bench.take()->file == other);
  CHECK_FALSE(bench.take());
  CHECK(bench.schedule.audit().empty());
  CHECK(bench.schedule.counts("tcp_local").ready == 1);

  bool busy = false;
  CHECK_FALSE(bench.schedule.forget(name, busy));
  CHECK(busy);
  bench.schedule.begin_look();
  CHECK(bench.schedule.unseen("tcp_local").empty());  // one is in work, the other neither here nor there

  bench.schedule.renamed(*FileName::parse(bench.renamed.at(0)));
  CHECK_FALSE(bench.schedule.is_renaming(name));
  const auto after = bench.take();
  REQUIRE(after);
  CHECK(after->host == "b.test");
  CHECK(after->file == "tcp_local/000/ZY100000.00");
  CHECK(bench.schedule.audit().empty());
}

TEST_CASE("a file that is given back while it is renamed goes as soon as it has its name") {
  Bench bench;
  bench.disk_is_slow = true;
  const auto name = *FileName::parse(bench.add("tcp_local", {"a.test"}));
  bench.schedule.deferred(bench.take()->unit, {}, bench.now);
  CHECK(bench.schedule.give_back(name));
  CHECK_FALSE(bench.take());
  bench.schedule.renamed(name);  // it could not be
  const auto work = bench.take();
  REQUIRE(work);
  CHECK(work->mode == Mode::give_back);
  CHECK(work->file == name.relative());
}

TEST_CASE("a file that made room while it was renamed is not known again under its old name") {
  Bench bench;
  bench.disk_is_slow = true;
  const auto name = *FileName::parse(bench.add("tcp_local", {"a.test"}));
  bench.schedule.deferred(bench.take()->unit, {}, bench.now);
  REQUIRE(bench.schedule.make_room(bench.now));
  CHECK(bench.schedule.size() == 0);
  ScheduleEntry entry;
  entry.name = name;
  entry.hosts.push_back({"a.test", 1, 0, 0, 0});
  CHECK_FALSE(bench.schedule.add(entry, bench.now));
  const auto now_called = *FileName::parse(bench.renamed.at(0));
  bench.schedule.renamed(now_called);
  entry.name = now_called;
  CHECK(bench.schedule.add(entry, bench.now));
  CHECK(bench.take()->file == now_called.relative());
}

TEST_CASE("a message that is held is not renamed on its way") {
  Bench bench;
  bench.add("tcp_local", {"a.test", "b.test", "c.test"});
  const auto first = bench.take(), second = bench.take();
  bench.schedule.deferred(first->unit, {}, bench.now);
  CHECK(bench.schedule.forget_file_of(second->unit)->attempts == 0);
  CHECK(bench.renamed.empty());
}
