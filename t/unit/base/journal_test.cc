// The journal as callers see it: commits, power cuts (control gone, data damaged), replays.
#include "t/unit/base/journal_scratch.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "common/base/journal_control.h"
#include "common/base/journal_start.h"

using namespace waxwing;

TEST_CASE("what was committed comes back when its data never reached the disk") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    return scratch.open() && scratch.publish("one", "first") && scratch.publish("two", "second") &&
           scratch.change("two", 0, "S");
  }) == 0);
  scratch.write("one", "");
  scratch.write("two", std::string(6, '\0'));
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("one") == "first");
  CHECK(scratch.read("two") == "Second");
}

TEST_CASE("names that were lost are made again, and what was removed stays away") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    return scratch.open() && scratch.publish("gone", "x") && durable::remove(scratch.path("gone")) &&
           scratch.publish("old", "y") && durable::rename(scratch.path("old"), scratch.path("new")) &&
           scratch.publish("last", "z");
  }) == 0);
  for (const auto* name : {"old", "new", "last"}) std::filesystem::remove(scratch.path(name));
  scratch.write("gone", "x");
  scratch.write("last.tmp", "torn");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("gone") == "(none)");
  CHECK(scratch.read("old") == "(none)");
  CHECK(scratch.read("new") == "y");
  CHECK(scratch.read("last") == "z");
  CHECK_FALSE(file_exists(scratch.path("last.tmp")));
}

TEST_CASE("delivery: the queue file is linked into the store, then removed") {
  JournalScratch scratch;
  scratch.directory("data/box/0");
  const auto deliver = [&] {
    if (!scratch.open() || !scratch.publish("queued", "message")) return false;
    if (::link(scratch.path("queued").c_str(), scratch.path("box/0/1").c_str()) != 0) return false;
    durable::Batch batch;
    batch.linked(scratch.path("queued"), scratch.path("box/0/1"));
    return durable::commit(std::move(batch)) && durable::remove(scratch.path("queued")) &&
           scratch.publish("other", "o");
  };
  REQUIRE(scratch.life(deliver) == 0);
  SECTION("the link is lost, the queue file is torn") {
    std::filesystem::remove(scratch.path("box/0/1"));
    scratch.write("queued", "mess");
  }
  SECTION("the message directory is lost too") {
    std::filesystem::remove_all(scratch.path("box/0"));
  }
  SECTION("the removal is on disk, the message is zeros") {
    scratch.write("box/0/1", std::string(7, '\0'));
  }
  SECTION("everything is on disk") {}
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("box/0/1") == "message");
  CHECK(scratch.read("queued") == "(none)");
  // Once more, onto the newer state.
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("box/0/1") == "message");
}

TEST_CASE("one file under several names is in the log once, and comes back under all") {
  JournalScratch scratch;
  scratch.segments = 2;
  const std::string bulk(150000, 'b');
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    auto fd = open_file(scratch.path("1"), O_CREAT | O_RDWR);
    if (!fd || !write_all(fd->get(), bulk)) return false;
    durable::Batch batch;
    batch.content(fd->get(), scratch.path("1"));
    // Twenty times these bytes would not fit into the log without a checkpoint.
    for (int n = 2; n <= 20; ++n) {
      const auto name = scratch.path(std::to_string(n));
      if (::link(scratch.path("1").c_str(), name.c_str()) != 0) return false;
      batch.content(fd->get(), name);
    }
    return durable::commit(std::move(batch)).has_value();
  }) == 0);
  for (int n = 1; n <= 20; ++n) scratch.write(std::to_string(n), "torn");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  for (int n = 1; n <= 20; ++n) CHECK(scratch.read(std::to_string(n)) == bulk);
  CHECK(std::filesystem::hard_link_count(scratch.path("1")) == 20);
}

TEST_CASE("a removal for ever does not wait when the log is full, and stands all the same") {
  JournalScratch scratch;
  scratch.segments = 2;
  constexpr int kFiles = 4000;
  const std::string bulk(230000, 'b');  // four to a segment, and what is left is too little for the removals
  REQUIRE(scratch.life([&] {
    ::alarm(60);  // waiting here would be for ever
    if (!scratch.open() || !scratch.publish("first", "")) return false;
    for (int n = 0; n < kFiles; ++n) scratch.write(std::to_string(n), "");
    auto lock_file = open_file(scratch.root + "/journal/lock", O_RDWR);
    auto control = durable::Control::attach(scratch.settings().control, lock_file->get());
    {
      const durable::RobustLock nobody_makes_room((*control)->checkpoint);
      for (int n = 0; n < 8; ++n)
        if (!scratch.publish("bulk" + std::to_string(n), bulk)) return false;
      for (int n = 0; n < kFiles; ++n)
        if (!durable::remove_for_ever(scratch.path(std::to_string(n)))) return false;
    }
    return scratch.publish("last", "z").has_value();
  }) == 0);
  scratch.write(std::to_string(kFiles - 1), "");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read(std::to_string(kFiles - 1)) == "(none)");
  CHECK(scratch.read("last") == "z");
}

TEST_CASE("a file of something that was deleted is not brought back") {
  JournalScratch scratch;
  scratch.directory("data/box/0");
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("box/0/1", "message"); }) == 0);
  std::filesystem::remove_all(scratch.path("box"));
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK_FALSE(file_exists(scratch.path("box")));
}

TEST_CASE("what was linked on from a directory that was removed later keeps its bytes") {
  JournalScratch scratch;
  scratch.directory("data/b/0");
  scratch.directory("data/d/0");
  const auto link = [&](const std::string& from, const std::string& to) {
    if (::link(scratch.path(from).c_str(), scratch.path(to).c_str()) != 0) return false;
    durable::Batch batch;
    batch.linked(scratch.path(from), scratch.path(to));
    return durable::commit(std::move(batch)).has_value();
  };
  REQUIRE(scratch.life([&] {
    return scratch.open() && scratch.publish("a", "first") && link("a", "b/0/1") && link("b/0/1", "c") &&
           scratch.publish("d/0/1", "second") && link("d/0/1", "e") && durable::remove(scratch.path("a")) &&
           scratch.publish("f", "x");
  }) == 0);
  for (const auto* name : {"b", "d"}) std::filesystem::remove_all(scratch.path(name));
  const bool lost = GENERATE(true, false);
  for (const auto* name : {"c", "e"})
    lost ? (void)std::filesystem::remove(scratch.path(name)) : scratch.write(name, "torn");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("c") == "first");
  CHECK(scratch.read("e") == "second");
  for (const auto* name : {"a", "b", "d", ".replay.held"}) CHECK_FALSE(file_exists(scratch.path(name)));
}

TEST_CASE("a root that is missing or not mounted stops the replay and loses nothing") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("one", "1"); }) == 0);
  const auto mark = scratch.read(".journal");
  std::filesystem::remove_all(scratch.root + "/data");
  scratch.power_cut();
  CHECK(scratch.restart() != 0);
  scratch.directory("data/lost+found");
  CHECK(scratch.restart() != 0);
  CHECK(scratch.read(".journal") == "(none)");
  SECTION("it is mounted") {
    scratch.write(".journal", mark);
    REQUIRE(scratch.restart() == 0);
    CHECK(scratch.read("one") == "1");
  }
  SECTION("another is mounted in its place") {
    JournalScratch other;
    REQUIRE(other.life([&] { return other.open() && other.publish("its", "own"); }) == 0);
    scratch.write(".journal", other.read(".journal"));
    CHECK(scratch.restart() != 0);
    CHECK(scratch.read("one") == "(none)");
  }
  SECTION("its mark was removed: whether it is the one is for the operator to say") {
    scratch.write("file", "");
    scratch.power_cut();
    CHECK(scratch.restart() != 0);
    CHECK(scratch.read("one") == "(none)");
    scratch.write(".journal", mark);
    REQUIRE(scratch.restart() == 0);
    CHECK(scratch.read("one") == "1");
  }
}

TEST_CASE("a damaged mark is written again, and the replay goes on") {
  for (const auto& text :
       {std::string(), std::string("waxwing journal root 1 0123"), std::string(9000, 'x')}) {
    JournalScratch scratch;
    REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("one", "1"); }) == 0);
    const auto mark = scratch.read(".journal");
    std::filesystem::remove(scratch.path("one"));
    scratch.write(".journal", text);
    scratch.power_cut();
    REQUIRE(scratch.restart() == 0);
    CHECK(scratch.read("one") == "1");
    CHECK(scratch.read(".journal") == mark);
  }
}

// What is mounted hides what is below; moving directories about does the same.
TEST_CASE("a mount point never passes for what is mounted there") {
  JournalScratch scratch;
  const auto data = scratch.root + "/data", real = scratch.root + "/real", below = scratch.root + "/below";
  const auto begin = [&] { return scratch.open().has_value(); };
  std::filesystem::create_directories(real);
  SECTION("not mounted when the journal sees it for the first time") {
    REQUIRE(scratch.life([&] { return begin() && (durable::leave_journal(), true); }) == 0);
    CHECK(scratch.read(".journal") == "(none)");
  }
  SECTION("and nobody left") {
    REQUIRE(scratch.life(begin) == 0);
  }
  std::filesystem::rename(data, below);
  std::filesystem::rename(real, data);
  REQUIRE(scratch.life([&] { return begin() && scratch.publish("one", "1"); }) == 0);
  CHECK(scratch.read(".journal") != "(none)");
  std::filesystem::rename(data, real);
  std::filesystem::rename(below, data);
  scratch.write("stray", "");
  scratch.power_cut();
  CHECK(scratch.restart() != 0);
  std::filesystem::rename(data, below);
  std::filesystem::rename(real, data);
  scratch.write("one", "");
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("one") == "1");
}

TEST_CASE("nothing is journaled in a directory that is not the known one, until that is back") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    return scratch.open() && scratch.publish("one", "1") && (durable::leave_journal(), true);
  }) == 0);
  const auto data = scratch.root + "/data", real = scratch.root + "/real";
  std::filesystem::rename(data, real);
  scratch.directory("data");
  if (GENERATE(true, false)) scratch.write("stray", "");
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    const auto refused = scratch.publish("two", "2");
    if (refused || refused.error().fault != Fault::temporary || file_exists(scratch.path("two")))
      return false;
    if (refused.error().text.find("not mounted") == std::string::npos) return false;
    scratch.write("three", "3");
    if (durable::remove(scratch.path("three")) ||
        durable::rename(scratch.path("three"), scratch.path("four")))
      return false;
    std::filesystem::remove_all(data);
    std::filesystem::rename(real, data);
    return scratch.publish("two", "2").has_value();
  }) == 0);
  CHECK(scratch.read("one") == "1");
  CHECK(scratch.read("two") == "2");
}

TEST_CASE("a directory with files that never had a mark gets one when the journal opens") {
  JournalScratch scratch;
  scratch.write("old", "");
  REQUIRE(scratch.restart() == 0);
  const auto mark = scratch.read(".journal");
  CHECK(mark != "(none)");
  const auto roots = durable::load_roots(scratch.root + "/journal");
  REQUIRE(roots);
  REQUIRE(roots->size() == 1);
  CHECK(mark.find(roots->front().mark) != std::string::npos);
}

TEST_CASE("a root that is away while the log is empty keeps nobody from beginning, and gets no mark") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    durable::leave_journal();
    return true;
  }) == 0);
  const auto roots = durable::load_roots(scratch.root + "/journal");
  REQUIRE(roots);
  std::filesystem::remove_all(scratch.root + "/data");
  scratch.directory("data");
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read(".journal") == "(none)");
  CHECK(*durable::load_roots(scratch.root + "/journal") == *roots);
}

TEST_CASE("a range is written only where its guard stands") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    return scratch.open() && scratch.publish("index", "ID1-....") &&
           scratch.change("index", 4, "flag", "ID1-");
  }) == 0);
  // Checkpointed: only the range would be replayed.
  REQUIRE(scratch.life([&] {
    return scratch.open() && durable::settle() && scratch.change("index", 4, "FLAG", "ID1-");
  }) == 0);
  SECTION("the same file") {
    scratch.write("index", "ID1-....");
    scratch.power_cut();
    REQUIRE(scratch.restart() == 0);
    CHECK(scratch.read("index") == "ID1-FLAG");
  }
  SECTION("a file of a later life") {
    scratch.write("index", "ID2-....");
    scratch.power_cut();
    REQUIRE(scratch.restart() == 0);
    CHECK(scratch.read("index") == "ID2-....");
  }
  SECTION("no file") {
    std::filesystem::remove(scratch.path("index"));
    scratch.power_cut();
    REQUIRE(scratch.restart() == 0);
    CHECK(scratch.read("index") == "(none)");
  }
}

TEST_CASE("a large content goes straight to disk, and older records of its name are void") {
  JournalScratch scratch;
  const std::string large(durable::kLargeContent + 1, 'L');
  REQUIRE(scratch.life([&] {
    return scratch.open() && scratch.publish("a", "small") && durable::remove(scratch.path("a")) &&
           scratch.publish("a", large);
  }) == 0);
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("a") == large);
}

TEST_CASE("a large content voids what was said of its name before its sync, not what was said since") {
  JournalScratch scratch;
  const std::string large(durable::kLargeContent + 1, 'L');
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    auto lock_file = open_file(scratch.root + "/journal/lock", O_RDWR);
    auto control = durable::Control::attach(scratch.settings().control, lock_file->get());
    std::vector<UniqueFd> files;
    std::vector<std::future<Result<>>> answers;
    const auto publish = [&](const std::string& name) {
      files.push_back(*open_file(scratch.path(name), O_CREAT | O_RDWR));
      (void)write_all(files.back().get(), large);
      const auto answer = std::make_shared<std::promise<Result<>>>();
      answers.push_back(answer->get_future());
      durable::Batch batch;
      batch.content(files.back().get(), scratch.path(name));
      durable::commit_async(std::move(batch),
                            [answer](Result<> done) { answer->set_value(std::move(done)); });
    };
    {
      const durable::RobustLock nobody_appends((*control)->append);
      publish("first");
      while (durable::counters().passes == 0) std::this_thread::yield();
      publish("a");  // both in the next pass, behind one sync
      publish("b");
    }
    return std::ranges::all_of(answers, [](auto& answer) { return answer.get().has_value(); });
  }) == 0);
  durable::SegmentFiles segments(scratch.root + "/journal", scratch.segment_bytes);
  const auto checkpoint = durable::load_checkpoint(scratch.root + "/journal");
  durable::JournalReader reader(segments);
  reader.start((*checkpoint)->lsn, (*checkpoint)->chain);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> stands;  // lsn, since
  for (auto record = reader.next(); record && *record; record = reader.next()) {
    if ((*record)->type == durable::RecordType::synced) continue;
    REQUIRE((*record)->type == durable::RecordType::stands);
    stands.emplace_back((*record)->lsn, (*record)->since);
  }
  REQUIRE(stands.size() == 3);
  CHECK(stands[1].second == stands[1].first);
  CHECK(stands[2].second == stands[1].first);
}

TEST_CASE("what was linked from a name keeps its bytes when the name is taken by a large content") {
  JournalScratch scratch;
  const std::string large(durable::kLargeContent + 1, 'L');
  REQUIRE(scratch.life([&] {
    if (!scratch.open() || !scratch.publish("a", "small")) return false;
    durable::Batch batch;
    batch.link(scratch.path("a"), scratch.path("b"));
    return durable::commit(std::move(batch)) && durable::remove(scratch.path("a")) &&
           scratch.publish("a", large);
  }) == 0);
  scratch.write("b", "?");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("a") == large);
  CHECK(scratch.read("b") == "small");
}

TEST_CASE("after a checkpoint the files alone count, and their log is not read again") {
  JournalScratch scratch;
  REQUIRE(scratch.life(
              [&] { return scratch.open() && scratch.publish("one", "old") && durable::settle(); }) == 0);
  scratch.write("one", "changed by hand");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("one") == "changed by hand");
}

TEST_CASE("segments are recycled, and nothing of their former lives is replayed") {
  JournalScratch scratch;
  scratch.segments = 2;
  const std::string bulk(100000, 'b');
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    for (int i = 0; i < 60; ++i)
      if (!scratch.publish("f" + std::to_string(i), bulk + std::to_string(i))) return false;
    return durable::settle() && scratch.publish("last", "last");
  }) == 0);
  for (int i = 0; i < 60; ++i) scratch.write("f" + std::to_string(i), "newer");
  scratch.write("last", "");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  for (int i = 0; i < 60; ++i) CHECK(scratch.read("f" + std::to_string(i)) == "newer");
  CHECK(scratch.read("last") == "last");
  CHECK(std::filesystem::exists(scratch.root + "/journal/segment.01"));
  CHECK_FALSE(std::filesystem::exists(scratch.root + "/journal/segment.02"));
}

TEST_CASE("a log over several segments is replayed whole") {
  JournalScratch scratch;
  scratch.segments = 16;
  const std::string bulk(150000, 'b');
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    for (int i = 0; i < 40; ++i)
      if (!scratch.publish("f" + std::to_string(i), bulk + std::to_string(i))) return false;
    return true;
  }) == 0);
  for (int i = 0; i < 40; ++i) scratch.write("f" + std::to_string(i), "");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  for (int i = 0; i < 40; ++i) CHECK(scratch.read("f" + std::to_string(i)) == bulk + std::to_string(i));
}

TEST_CASE("a path that no root covers goes straight to disk") {
  JournalScratch scratch;
  scratch.directory("elsewhere");
  REQUIRE(scratch.life([&] {
    return scratch.open() && scratch.publish("../elsewhere/one", "1") && scratch.publish("two", "2");
  }) == 0);
  CHECK(read_file(scratch.root + "/elsewhere/one") == "1");
}

TEST_CASE("the last process to leave empties the log, and a straggler cannot append to it any more") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open() || !scratch.publish("one", "1")) return false;
    durable::leave_journal();
    return !scratch.publish("late", "2") && !file_exists(scratch.root + "/run/journal");
  }) == 0);
  scratch.write("one", "changed by hand");
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("one") == "changed by hand");
}

TEST_CASE("an instance that was copied is replayed, although its control file came along") {
  JournalScratch scratch, copy;
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("one", "1"); }) == 0);
  std::filesystem::remove_all(copy.root);
  std::filesystem::copy(scratch.root, copy.root, std::filesystem::copy_options::recursive);
  copy.write("one", "torn");
  REQUIRE(copy.restart() == 0);
  CHECK(copy.read("one") == "1");
}

TEST_CASE("a journal that is switched off is brought into the files first") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("one", "1"); }) == 0);
  scratch.write("one", "torn");
  scratch.power_cut();
  REQUIRE(scratch.life([&] { return durable::retire_journal(scratch.settings()).has_value(); }) == 0);
  CHECK(scratch.read("one") == "1");
}
