// The disk has damaged what the log had been synced with: the rest of it is found again, and nothing else.
#include <catch2/catch.hpp>

#include "common/base/journal_control.h"
#include "common/base/journal_start.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;
using namespace waxwing::durable;

namespace {
std::string segment_of(const JournalScratch& scratch, unsigned slot = 0) {
  return scratch.root + "/journal/segment.0" + std::to_string(slot);
}

const std::vector<std::string> kNames{"one", "two", "three", "four", "five"};

std::string bytes_of(const std::string& name) {
  return "the bytes of " + name + std::string(2000, '.');
}

// Five files, each by a commit of its own; then the power fails, and the disk has none of their bytes.
void fill(const JournalScratch& scratch) {
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    for (const auto& name : kNames)
      if (!scratch.publish(name, bytes_of(name))) return false;
    return true;
  }) == 0);
  scratch.power_cut_with_loss();
}

std::string lost_files(const JournalScratch& scratch) {
  std::string lost;
  for (const auto& name : kNames)
    if (scratch.read(name) != bytes_of(name)) lost += name + " ";
  return lost;
}

void overwrite(const std::string& path, std::uint64_t at, std::string_view bytes) {
  const auto fd = open_file(path, O_RDWR);
  REQUIRE(write_at(fd->get(), at, bytes));
}

struct Place {
  std::uint64_t lsn = 0, end = 0;
};
// Where the log has the content of that file.
Place find_content(const JournalScratch& scratch, const std::string& name) {
  const auto start = **load_checkpoint(scratch.root + "/journal");
  SegmentFiles files(scratch.root + "/journal", start.segment_bytes);
  JournalReader reader(files);
  reader.start(start.lsn, start.chain);
  for (;;) {
    const auto record = reader.next().value();
    REQUIRE(record);
    if (record->type == RecordType::content && record->path == "data/" + name)
      return {record->lsn, record->end};
  }
}
}  // namespace

TEST_CASE("a record that the disk has damaged costs what it said, is named and kept") {
  const JournalScratch scratch;
  fill(scratch);
  const auto place = find_content(scratch, "three");
  const auto at = place.lsn % scratch.segment_bytes;
  bool named = true;
  SECTION("in its bytes") {
    overwrite(segment_of(scratch), at + 100, "rot");
  }
  SECTION("in its header") {
    overwrite(segment_of(scratch), at + 9, "rot");
    named = false;
  }
  SECTION("in its chain, so that nothing tells whom the next one follows") {
    overwrite(segment_of(scratch), at + 25, "rot");
    named = false;
  }
  SECTION("and what stands around it") {
    overwrite(segment_of(scratch), at - 8, std::string(40, '\0'));
    named = false;
  }
  const auto reports = scratch.reports_of_restart();
  CHECK(lost_files(scratch) == "three ");
  const auto told = reports.find("journal.lost lsn=");
  REQUIRE(told != std::string::npos);
  CHECK((reports.find("record=content data/three") != std::string::npos) == named);
  CHECK(reports.find("journal.hole") == std::string::npos);
  const auto kept = reports.find("kept=" + scratch.root + "/journal/damaged.");
  REQUIRE(kept != std::string::npos);
  const auto from = kept + 5;
  const auto piece = read_file(reports.substr(from, reports.find(' ', from) - from)).value();
  CHECK(piece.find(std::string(500, '.')) != std::string::npos);  // what is left of the message
}

TEST_CASE("several damaged records cost each what it said") {
  const JournalScratch scratch;
  fill(scratch);
  for (const auto* name : {"one", "four"})
    overwrite(segment_of(scratch), find_content(scratch, name).lsn % scratch.segment_bytes + 60, "rot");
  const auto reports = scratch.reports_of_restart();
  CHECK(lost_files(scratch) == "one four ");
  CHECK(reports.find("content data/one") != std::string::npos);
  CHECK(reports.find("content data/four") != std::string::npos);
  // Told once, and not in the way of the next start.
  scratch.power_cut();
  CHECK(scratch.reports_of_restart() == reports);
}

TEST_CASE("of what was never proved to be on disk nothing is replayed behind the damage") {
  const JournalScratch scratch;
  fill(scratch);
  SECTION("the last commit: nothing tells that it was synced") {
    overwrite(segment_of(scratch), find_content(scratch, "five").lsn % scratch.segment_bytes + 60, "rot");
    const auto reports = scratch.reports_of_restart();
    CHECK(lost_files(scratch) == "five ");
    CHECK(reports.find("journal.lost") == std::string::npos);
    CHECK(reports.find("journal.hole") != std::string::npos);
  }
  SECTION("a log of an earlier program") {
    auto bytes = read_file(segment_of(scratch)).value();
    auto header = decode_segment_header(bytes).value();
    header.key = 0;
    overwrite(segment_of(scratch), 0, encode_segment_header(header));
    overwrite(segment_of(scratch), find_content(scratch, "three").lsn % scratch.segment_bytes + 60, "rot");
    const auto reports = scratch.reports_of_restart();
    CHECK(lost_files(scratch) == "three four five ");
    CHECK(reports.find("journal.hole") != std::string::npos);
  }
}

TEST_CASE("bytes in a message that look like records are not found") {
  const JournalScratch scratch;
  scratch.directory("config");
  REQUIRE(scratch.restart() == 0);
  REQUIRE(scratch.life([&] {
    return scratch.open() && scratch.publish("one", bytes_of("one")) &&
           scratch.publish("two", std::string(20'000, '2')) && scratch.publish("three", bytes_of("three")) &&
           scratch.publish("four", "4");
  }) == 0);
  // The second message is from somebody who has guessed where in the log it would stand.
  const auto two = find_content(scratch, "two");
  for (auto lsn = (two.lsn + 200) & ~std::uint64_t{7}; lsn + 400 < two.end; lsn += 400) {
    std::string forged;
    encode_content(forged, lsn, "data/stolen", "x");
    encode_synced(forged, lsn + 10'000, 12345);
    seal_records(forged.data(), forged.size(), lsn, 7);
    overwrite(segment_of(scratch), lsn % scratch.segment_bytes, forged);
  }
  overwrite(segment_of(scratch), two.lsn % scratch.segment_bytes, "rot");
  scratch.power_cut_with_loss();
  scratch.write("three", "");
  (void)scratch.reports_of_restart();
  CHECK(scratch.read("stolen") == "(none)");
  CHECK(scratch.read("one") == bytes_of("one"));
  CHECK(scratch.read("three") == bytes_of("three"));
}

namespace {
// Twenty files of bulk over several segments, whose bytes the disk has lost.
void fill_segments(JournalScratch& scratch) {
  scratch.segments = 16;
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    for (int n = 0; n < 20; ++n)
      if (!scratch.publish(std::to_string(n), std::string(150'000, 'b') + std::to_string(n))) return false;
    return true;
  }) == 0);
  for (int n = 0; n < 20; ++n) scratch.write(std::to_string(n), "");
  scratch.power_cut();
}
int whole_files(const JournalScratch& scratch) {
  int whole = 0;
  for (int n = 0; n < 20; ++n)
    whole += scratch.read(std::to_string(n)) == std::string(150'000, 'b') + std::to_string(n);
  return whole;
}
}  // namespace

TEST_CASE("a segment that is gone, or noise, costs what it held") {
  JournalScratch scratch;
  fill_segments(scratch);
  const auto slot = GENERATE(0U, 1U);
  bool at_front = false;
  SECTION("gone") {
    REQUIRE(::unlink(segment_of(scratch, slot).c_str()) == 0);
  }
  SECTION("noise") {
    std::string noise(scratch.segment_bytes, '\0');
    std::uint64_t state = 1;
    for (auto& c : noise) c = static_cast<char>((state = state * 6364136223846793005ULL + 1) >> 56);
    overwrite(segment_of(scratch, slot), 0, noise);
  }
  SECTION("zeros at its front") {
    overwrite(segment_of(scratch, slot), 0, std::string(4096, '\0'));
    at_front = true;
  }
  CHECK(scratch.reports_of_restart().find("journal.lost") != std::string::npos);
  // Six stand in a segment.
  CHECK(whole_files(scratch) >= (at_front ? 20 - 1 : 20 - 7));
}

TEST_CASE("zeros at the front of the only segment cost what they covered") {
  const JournalScratch scratch;
  fill(scratch);
  overwrite(segment_of(scratch), 0, std::string(4096, '\0'));
  const auto reports = scratch.reports_of_restart();
  CHECK(lost_files(scratch) == "one two ");
  CHECK(reports.find("journal.lost") != std::string::npos);
}

TEST_CASE("without a checkpoint the log is read from where it began, not from an earlier one") {
  JournalScratch scratch;
  scratch.segments = 2;
  // The first log goes into the second segment, which stays when the second log takes the first file.
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    for (int n = 0; n < 8; ++n)
      if (!scratch.publish("old" + std::to_string(n), std::string(200'000, 'o'))) return false;
    return true;
  }) == 0);
  scratch.power_cut();
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("new", "promised"); }) == 0);
  scratch.write("new", "");
  std::filesystem::remove(scratch.root + "/journal/checkpoint");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("new") == "promised");
}

namespace {
// A process that dies with the lock of the log: what it wrote is behind the end, and fits it.
void die_while_appending(const JournalScratch& scratch, const std::string& name) {
  REQUIRE(scratch.life([&] {
    const auto lock = open_file(scratch.root + "/journal/lock", O_RDWR);
    // Mapped until the end of the process: else nobody hears of its death.
    static auto control = Control::attach(scratch.root + "/run/journal", lock->get()).value();
    if (::pthread_mutex_lock(&control->append) != 0) return false;
    const auto end = log_end(*control);
    std::string dead;
    encode_content(dead, end.lsn, "data/" + name, "x");
    seal_records(dead.data(), dead.size(), end.lsn, end.chain);
    overwrite(segment_of(scratch), end.lsn % scratch.segment_bytes, dead);
    return true;
  }) == 0);
}
}  // namespace

TEST_CASE("what a writer left who died does not hide what went into the next segment") {
  const JournalScratch scratch;
  // A later append tells that the log had been synced, and would have it found again behind a hole.
  const bool more = GENERATE(false, true);
  const std::string bulk(150'000, 'b');
  for (int n = 0; n < 6; ++n)
    REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("bulk", bulk); }) == 0);
  die_while_appending(scratch, "dead");
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("first", bulk); }) == 0);
  if (more) REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("second", "2"); }) == 0);
  scratch.power_cut_with_loss();
  scratch.write("first", "torn");  // wherever the log is thought to end
  const auto reports = scratch.reports_of_restart();
  CHECK(scratch.read("first") == bulk);
  CHECK(scratch.read("second") == (more ? "2" : "(none)"));
  CHECK(scratch.read("dead") == "(none)");
  CHECK(reports.find("journal.lost") == std::string::npos);
}
