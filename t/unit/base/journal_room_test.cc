// A journal that is too small for what is appended at once: who waits for room, and what happens meanwhile.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <optional>

#include "common/base/journal_control.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;

namespace {
// A process with the journal open that does its work when it is told to.
class Waiting {
 public:
  Waiting(const JournalScratch& scratch, const std::function<bool()>& work) {
    REQUIRE((::pipe(ready_) == 0 && ::pipe(go_) == 0));
    char byte = 0;
    pid_ = JournalScratch::begin([&] {
      const bool opened = bool(scratch.open());
      return ::write(ready_[1], &byte, 1) == 1 && ::read(go_[0], &byte, 1) == 1 && opened && work();
    });
    REQUIRE(::read(ready_[0], &byte, 1) == 1);
  }
  void go() { REQUIRE(::write(go_[1], "x", 1) == 1); }
  int finish() { return JournalScratch::finish(pid_); }

 private:
  int ready_[2], go_[2];
  pid_t pid_ = 0;
};
}  // namespace

TEST_CASE("a change of a file whose content waits for room in the log is not undone by it") {
  JournalScratch scratch;
  scratch.segments = 2;
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("first", "x"); }) == 0);
  Waiting fills(scratch, [&] {
    for (int n = 0; n < 10; ++n)
      if (!scratch.publish("fill" + std::to_string(n), std::string(200'000, 'x'))) return false;
    return true;
  });
  Waiting late(scratch, [&] { return bool(scratch.publish("index", "old" + std::string(100'000, 'y'))); });
  Waiting quick(scratch, [&] { return bool(scratch.change("index", 0, "NEW", "")); });
  auto lock = open_file(scratch.root + "/journal/lock", O_RDWR);
  auto control = durable::Control::attach(scratch.root + "/run/journal", lock->get());
  REQUIRE((control && *control));
  {
    const durable::RobustLock no_checkpoint((*control)->checkpoint);
    fills.go();
    CHECK(fills.finish() == 0);
    const auto before = (*control)->appends.load();
    late.go();
    while ((*control)->appends.load() == before) ::usleep(1000);
    quick.go();
    CHECK(quick.finish() == 0);
  }
  CHECK(late.finish() == 0);
  CHECK(scratch.read("index").substr(0, 3) == "NEW");
  ::unlink((scratch.root + "/run/journal").c_str());
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("index").substr(0, 3) == "NEW");
}

TEST_CASE("changes that are more than the journal holds are appended in pieces, each once") {
  JournalScratch scratch;
  scratch.segments = 2;
  constexpr std::uint64_t kChanges = 30'000, kBytes = 128;
  REQUIRE(scratch.life([&] {
    if (!scratch.open() || !scratch.publish("index", std::string(kChanges * kBytes, 'o'))) return false;
    auto fd = open_file(scratch.path("index"), O_RDWR);
    if (!fd || !write_at(fd->get(), 0, std::string(kChanges * kBytes, 'n'))) return false;
    std::uint64_t images = 0;
    durable::Batch batch;
    for (std::uint64_t n = 0; n < kChanges; ++n)
      batch.range({scratch.path("index"), fd->get(), n * kBytes,
                   [&](std::string& image) { ++images, image.append(kBytes, 'n'); }, 0, ""});
    // Those that found no room are taken again, which are as many as are tried at once.
    return durable::commit(std::move(batch)) && images < 2 * kChanges;
  }) == 0);
  auto fd = open_file(scratch.path("index"), O_WRONLY);
  const auto last = (kChanges - 1) * kBytes;
  REQUIRE(write_at(fd->get(), last, std::string(kBytes, 'o')));
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("index") == std::string(kChanges * kBytes, 'n'));
}
