// A disk that refuses to be read: a replay does all or ends, and service does not start on half of one.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>

#include "common/base/journal.h"
#include "common/base/strings.h"
#include "t/unit/bad_disk.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;

namespace {
struct OnDisk {
  explicit OnDisk(const char* kind) { ::setenv("WAXWING_TEST_FILE_SYSTEM", kind, 1); }
  ~OnDisk() { ::unsetenv("WAXWING_TEST_FILE_SYSTEM"); }
};

// Everything that a log may say, and a disk that is behind it: every record has something to do.
bool live(const JournalScratch& scratch) {
  const auto at = [&](const char* name) { return scratch.path(name); };
  if (!scratch.open() || !scratch.publish("queued", "message") || !scratch.publish("moving", "moved") ||
      !scratch.publish("index", "GUARDold") || !scratch.publish("late", "here") || !durable::settle())
    return false;
  return ::link(at("queued").c_str(), at("box").c_str()) == 0 &&
         durable::commit(std::move(durable::Batch().linked(at("queued"), at("box")))) &&
         durable::remove(at("queued")) &&
         durable::commit(std::move(durable::Batch().rename(at("moving"), at("moved")))) &&
         scratch.change("index", 5, "NEW", "GUARD") && scratch.publish("new", "bytes") &&
         scratch.change("new", 0, "BY", "") && durable::remove(at("late"));
}
void fall_behind(const JournalScratch& scratch) {
  REQUIRE(::rename(scratch.path("box").c_str(), scratch.path("queued").c_str()) == 0);
  REQUIRE(::rename(scratch.path("moved").c_str(), scratch.path("moving").c_str()) == 0);
  scratch.write("index", "GUARDold");
  scratch.write("late", "here");
  std::filesystem::remove(scratch.path("new"));
  scratch.power_cut();
}
// What is not as it was answered, in words.
std::string lost(const JournalScratch& scratch) {
  std::string text;
  const std::pair<const char*, const char*> expected[] = {
      {"queued", "(none)"}, {"box", "message"},    {"moving", "(none)"}, {"moved", "moved"},
      {"new", "BYtes"},     {"index", "GUARDNEW"}, {"late", "(none)"},
  };
  for (const auto& [name, bytes] : expected)
    if (const auto there = scratch.read(name); there != bytes) text += std::string(name) + "=" + there + " ";
  return text;
}

struct Outcome {
  bool failed = false, started = false;
  std::string site, error;
};
// The calls of a start that are worth failing: that there are no more than these segments is asked 250 times.
std::vector<long> calls_of_start(const JournalScratch& scratch) {
  const auto note = scratch.root + "-note";
  REQUIRE(scratch.life([&] {
    const BadDisk disk(scratch.root + "/", 0, EIO);
    return scratch.open() && replace_file(note, BadDisk::calls());
  }) == 0);
  const auto text = *read_file(note);
  std::filesystem::remove(note);
  std::vector<long> calls;
  long n = 0;
  for (const auto line : split(text, '\n')) {
    ++n;
    const auto segment = line.find("/journal/segment.");
    const bool beyond =
        line.starts_with("access ") && segment != line.npos && line.substr(segment + 17) > "04";
    if (!beyond && !line.empty()) calls.push_back(n);
  }
  return calls;
}

// One start in which the n-th call for the instance's files fails.
Outcome start_badly(const JournalScratch& scratch, long n, int number) {
  const auto note = scratch.root + "-note";
  const int status = scratch.life([&] {
    BadDisk disk(scratch.root + "/", n, number);
    const auto opened = scratch.open();
    const bool failed = BadDisk::failed();
    const auto text = (failed ? "1" : "0") + std::string(opened ? "1" : "0") + BadDisk::site() + "\n" +
                      (opened ? "" : opened.error().text);
    return replace_file(note, text).has_value();
  });
  REQUIRE(status == 0);
  const auto text = *read_file(note);
  std::filesystem::remove(note);
  const auto line = text.find('\n');
  return {text[0] == '1', text[1] == '1', text.substr(2, line - 2), text.substr(line + 1)};
}

// The state after a cut, to begin from again and again.
struct Kept {
  JournalScratch& scratch;
  std::string path = scratch.root + "-kept";
  explicit Kept(JournalScratch& of) : scratch(of) { copy(scratch.root, path); }
  ~Kept() { std::filesystem::remove_all(path); }
  void restore() const {
    std::filesystem::remove_all(scratch.root);
    copy(path, scratch.root);
  }
  static void copy(const std::string& from, const std::string& to) {
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  }
};
}  // namespace

TEST_CASE(
    "whatever call a disk refuses while the log is replayed, nothing that was answered is passed over") {
  const OnDisk disk("in_order");
  JournalScratch scratch;
  REQUIRE(scratch.life([&] { return live(scratch); }) == 0);
  fall_behind(scratch);
  const Kept kept(scratch);
  const auto calls = calls_of_start(scratch);
  CHECK(calls.size() > 50);
  for (const long n : calls) {
    kept.restore();
    const auto outcome = start_badly(scratch, n, EIO);
    CHECK(outcome.failed);
    INFO("call " << n << ": " << outcome.site << "; " << (outcome.started ? "started" : outcome.error));
    if (outcome.started) CHECK(lost(scratch) == "");
    scratch.power_cut();
    REQUIRE(scratch.restart() == 0);
    CHECK(lost(scratch) == "");
  }
}

TEST_CASE("a start that the disk refuses says which file it was, that the journal is kept, and what to do") {
  const OnDisk disk("in_order");
  JournalScratch scratch;
  REQUIRE(scratch.life([&] { return live(scratch); }) == 0);
  fall_behind(scratch);
  REQUIRE(scratch.life([&] {
    const BadDisk refusing(scratch.path("queued"), 1, EIO);
    const auto opened = scratch.open();
    return !opened && opened.error().fault == Fault::temporary &&
           opened.error().text.find(scratch.path("queued")) != std::string::npos &&
           opened.error().text.find("see REFUSALS in journal(5)") != std::string::npos;
  }) == 0);
}

// What cannot be read and is replaced as a whole is replaced: that needs nobody.
TEST_CASE("bytes that the log has anew need not be read") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("one", "message"); }) == 0);
  scratch.write("one", "mangled");
  scratch.power_cut();
  REQUIRE(scratch.life([&] {
    const BadDisk refusing(scratch.path("one"), 3, EIO);  // open, fstat, pread
    return scratch.open() && BadDisk::failed() && BadDisk::site().starts_with("pread");
  }) == 0);
  CHECK(scratch.read("one") == "message");
}

TEST_CASE("after a failed sync, a file that cannot be declared dirty again is doubted still") {
  const int number = GENERATE(EIO, EMFILE, EACCES);
  const long call = GENERATE(1, 2, 3);
  INFO("call " << call << ", errno " << number);
  JournalScratch scratch;
  CHECK(scratch.life([&] {
    if (!scratch.open() || !scratch.publish("one", "1")) return false;
    arm_failpoints("journal.checkpoint=eio@1");
    if (durable::settle()) return false;
    {
      const BadDisk refusing(scratch.path("one"), call, number);
      const bool settled = durable::settle().has_value();
      if (!BadDisk::failed() || settled) return false;
    }
    return durable::settle().has_value();
  }) == 0);
}

TEST_CASE("after a failed sync, a file that was removed meanwhile is not missed") {
  JournalScratch scratch;
  CHECK(scratch.life([&] {
    if (!scratch.open() || !scratch.publish("one", "1")) return false;
    arm_failpoints("journal.checkpoint=eio@1");
    if (durable::settle()) return false;
    return ::unlink(scratch.path("one").c_str()) == 0 && durable::settle();
  }) == 0);
}

// The link itself may not reach the disk there, and the log has no bytes of its file.
TEST_CASE("where names have no order, a link whose bytes cannot be read for the log is not answered") {
  const OnDisk disk("in_no_order");
  long call = 1;
  for (bool failed = true; failed; ++call) {
    INFO("call " << call);
    JournalScratch scratch;
    const int outcome = scratch.life([&]() -> bool {
      if (!scratch.open() || !scratch.publish("early", "message") || !durable::settle()) ::_exit(9);
      if (::link(scratch.path("early").c_str(), scratch.path("box").c_str()) != 0) ::_exit(9);
      const BadDisk refusing(scratch.path("box"), call, EMFILE);
      durable::Batch batch;
      batch.linked(scratch.path("early"), scratch.path("box"));
      const bool answered = durable::commit(std::move(batch)).has_value();
      ::_exit(BadDisk::failed() ? 2 + answered : answered ? 0 : 9);
    });
    REQUIRE(outcome != 9);
    failed = outcome >= 2;
    if (outcome == 2) continue;  // refused
    std::filesystem::remove(scratch.path("box"));
    std::filesystem::remove(scratch.path("early"));
    scratch.power_cut();
    REQUIRE(scratch.restart() == 0);
    CHECK(scratch.read("box") == "message");
  }
  CHECK(call > 3);
}
