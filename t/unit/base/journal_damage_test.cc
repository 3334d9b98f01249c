// Journals that were damaged or made by somebody hostile: no crash, and nothing outside the roots is touched.
#include <sys/stat.h>
#include <catch2/catch.hpp>

#include <random>

#include "common/base/journal_start.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;
using namespace waxwing::durable;

namespace {
// The lsn of the first record that forge() will write.
std::uint64_t forged_from(const JournalScratch& scratch) {
  REQUIRE(scratch.restart() == 0);
  return (*load_checkpoint(scratch.root + "/journal"))->lsn;
}

// A journal whose first segment holds these records, with all checksums right.
void forge(const JournalScratch& scratch, std::string log) {
  REQUIRE(scratch.restart() == 0);
  const auto checkpoint = load_checkpoint(scratch.root + "/journal");
  REQUIRE(checkpoint);
  const auto& start = **checkpoint;
  SegmentFiles files(scratch.root + "/journal", start.segment_bytes);
  JournalReader reader(files);
  const auto slot = reader.slots().at(start.lsn / start.segment_bytes);
  seal_records(log.data(), log.size(), start.lsn, start.chain);
  REQUIRE(write_at(*files.fd(slot), start.lsn % start.segment_bytes, log));
  scratch.power_cut();
}

std::string everything_outside(const JournalScratch& scratch) {
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.root)) {
    const auto path = entry.path().string();
    if (path.starts_with(scratch.root + "/data") || path.starts_with(scratch.root + "/journal") ||
        path.starts_with(scratch.root + "/run"))
      continue;
    all += path + "\n" + (entry.is_regular_file() ? read_file(path).value_or("") : "") + "\n";
  }
  return all;
}
}  // namespace

TEST_CASE("records that lead outside the roots are refused") {
  JournalScratch scratch;
  scratch.directory("config");
  scratch.write("../config/secret", "secret");
  scratch.write("mine", "mine");
  std::string log;
  const auto& root = scratch.root;
  encode_content(log, kLater, "config/new", "x");
  encode_content(log, kLater, "data/../config/secret", "x");
  encode_content(log, kLater, root + "/config/secret", "x");
  encode_content(log, kLater, "data", "x");
  encode_content(log, kLater, "", "x");
  encode_names(log, RecordType::linked, "config/secret", "data/stolen");
  encode_names(log, RecordType::linked, "data/mine", "config/mine");
  encode_names(log, RecordType::renamed, "data/mine", "data/../config/mine");
  encode_names(log, RecordType::renamed, "config/secret", "data/stolen");
  encode_name(log, RecordType::removed, "config/secret");
  encode_name(log, RecordType::removed, "/etc/passwd");
  encode_range(log, "data/../config/secret", 0, "x", 0, "");
  encode_content(log, kLater, "data/last", "last");
  forge(scratch, log);
  const auto before = everything_outside(scratch);
  REQUIRE(scratch.restart() == 0);
  CHECK(everything_outside(scratch) == before);
  CHECK(scratch.read("last") == "last");
  CHECK(scratch.read("mine") == "mine");
  CHECK_FALSE(file_exists(scratch.path("stolen")));
}

TEST_CASE("what stands in the way of a record is left alone, and the rest is done") {
  JournalScratch scratch;
  scratch.directory("data/folder/inside");
  scratch.directory("config");
  scratch.write("../config/secret", "secret");
  std::filesystem::create_symlink(scratch.root + "/config/secret", scratch.path("alias"));
  std::string log;
  encode_content(log, kLater, "data/folder", "x");
  encode_name(log, RecordType::removed, "data/folder");
  encode_range(log, "data/folder", 0, "x", 0, "");
  encode_range(log, "data/alias", 0, "x", 0, "");
  encode_content(log, kLater, "data/alias", "x");
  encode_content(log, kLater, "data/" + std::string(300, 'n'), "x");
  encode_content(log, kLater, "data/a/b/c", "two levels are missing");
  encode_content(log, kLater, "data/last", "last");
  forge(scratch, log);
  REQUIRE(scratch.restart() == 0);
  CHECK(file_exists(scratch.path("folder/inside")));
  CHECK(scratch.read("../config/secret") == "secret");
  CHECK_FALSE(file_exists(scratch.path("a")));
  CHECK(scratch.read("last") == "last");
}

TEST_CASE("no symbolic link among the journal's own files is followed, and no FIFO waited for") {
  for (const char* name :
       {"lock", "checkpoint", "roots.new", "roots", "segment.00", "segment.00.new", "segment.02.new"})
    for (const bool fifo : {false, true}) {
      INFO(name << (fifo ? " as a FIFO" : " as a link"));
      JournalScratch scratch;
      scratch.directory("config");
      scratch.directory("journal");
      scratch.write("../config/secret", "secret");
      scratch.segments = 2;
      if (std::string_view(name) == "segment.02.new") {
        REQUIRE(scratch.restart() == 0);
        scratch.segments = 4;
      }
      const auto path = scratch.root + "/journal/" + name;
      std::filesystem::remove(path);
      if (fifo)
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
      else
        std::filesystem::create_symlink(scratch.root + "/config/secret", path);
      (void)scratch.restart();
      CHECK(scratch.read("../config/secret") == "secret");
    }
}

TEST_CASE("a link that was appended before its content is made when the content comes") {
  JournalScratch scratch;
  std::string log;
  encode_names(log, RecordType::linked, "data/queued", "data/delivered");
  encode_name(log, RecordType::removed, "data/queued");
  encode_content(log, kLater, "data/queued", "message");
  forge(scratch, log);
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("delivered") == "message");
  CHECK(scratch.read("queued") == "message");
}

TEST_CASE(
    "a content that was in place before the log began is left alone, and what came for it later is done") {
  JournalScratch scratch;
  scratch.write("index", "new flags, and");
  scratch.write("moved", "as it is on disk");
  std::string log;
  encode_content(log, 0, "data/index", "old flags, and");
  encode_content(log, 0, "data/moved", "as it was read!!");
  encode_names(log, RecordType::renamed, "data/moved", "data/here");
  encode_range(log, "data/index", 11, "AND", 0, "new");
  forge(scratch, log);
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("index") == "new flags, AND");
  CHECK(scratch.read("here") == "as it is on disk");
  CHECK(scratch.read("moved") == "(none)");
}

TEST_CASE("a change that was appended before the content of its file is done behind it") {
  JournalScratch scratch;
  const std::string_view was = "message: pending", is = "message: done...";
  std::string log;
  SECTION("the disk has nothing") {}
  SECTION("the disk has the change") {
    scratch.write("queued", is);
  }
  encode_range(log, "data/queued", 9, "done...", 0, "message:");
  encode_range(log, "data/queued", 9, "old one", 0, "another:");
  encode_content(log, kLater, "data/queued", was);
  forge(scratch, log);
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("queued") == is);
}

TEST_CASE("what was done to a large file since its sync began is not void") {
  JournalScratch scratch;
  const auto first = forged_from(scratch);
  std::string log;
  encode_range(log, "data/marked", 9, "OLD LIFE", 0, "");
  encode_names(log, RecordType::renamed, "data/held", "data/long ago");
  const auto since = first + log.size();
  encode_range(log, "data/marked", 9, "done", 0, "message:");
  encode_names(log, RecordType::renamed, "data/held", "data/held.HELD");
  encode_names(log, RecordType::renamed, "data/back", "data/back.HELD");
  encode_names(log, RecordType::renamed, "data/back.HELD", "data/back");
  encode_name(log, RecordType::removed, "data/gone");
  for (const auto* name : {"data/marked", "data/held", "data/back", "data/gone"})
    encode_stands(log, since, name);
  for (const auto* name : {"marked", "held", "back", "gone"}) scratch.write(name, "message: new");
  forge(scratch, log);
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("marked") == "message: done");
  CHECK(scratch.read("held.HELD") == "message: new");
  CHECK(scratch.read("back") == "message: new");
  CHECK(scratch.read("gone") == "message: new");  // rather once too often than lost
  CHECK(scratch.read("long ago") == "(none)");
}

TEST_CASE("random damage to any file of the journal ends in a clean start or a clean refusal") {
  JournalScratch scratch;
  scratch.directory("config");
  scratch.write("../config/secret", "secret");
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    for (int i = 0; i < 30; ++i)
      if (!scratch.publish("f" + std::to_string(i), std::string(3000, 'x'))) return false;
    return true;
  }) == 0);
  const auto outside = everything_outside(scratch);
  std::mt19937 dice(20261122);
  for (int round = 0; round < 60; ++round) {
    INFO(round);
    const JournalScratch copy;
    std::filesystem::remove_all(copy.root);
    std::filesystem::copy(scratch.root, copy.root, std::filesystem::copy_options::recursive);
    const char* const names[] = {"segment.00", "segment.00", "checkpoint", "roots"};
    const auto path = copy.root + "/journal/" + names[round % 4];
    auto bytes = read_file(path).value();
    const auto span = std::min<std::size_t>(bytes.size(), 100000);
    for (int n = 0; n < 1 + round % 7; ++n) bytes[dice() % span] = static_cast<char>(dice());
    if (round % 5 == 0) bytes.resize(dice() % span);
    copy.write("../journal/" + std::string(names[round % 4]), bytes);
    const int status = copy.restart();
    CHECK((status == 0 || status == 1));
    auto after = everything_outside(copy);
    for (auto at = after.find(copy.root); at != std::string::npos; at = after.find(copy.root))
      after.replace(at, copy.root.size(), scratch.root);
    CHECK(after == outside);
    CHECK(file_exists(copy.path("f0")));
  }
}

TEST_CASE("a record that rotted in the middle of the log is told, an end that was never written is not") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    return scratch.open() && scratch.publish("one", "1") && scratch.publish("two", "the second one") &&
           scratch.publish("three", "3");
  }) == 0);
  const auto segment = scratch.root + "/journal/segment.00";
  auto bytes = read_file(segment).value();
  SECTION("the middle") {
    bytes[bytes.find("the second one")] = 'T';
  }
  SECTION("the end") {
    const auto at = bytes.rfind("three") - 1;
    bytes.replace(at, bytes.size() - at, bytes.size() - at, '\0');
  }
  const bool middle = bytes.find("The second one") != std::string::npos;
  scratch.write("../journal/segment.00", bytes);
  scratch.power_cut();
  REQUIRE(scratch.life([&] {
    bool told = false;
    auto settings = scratch.settings();
    settings.report = [&](const std::string& name, const auto&, bool error) {
      told |= error && (name == "journal.lost" || name == "journal.hole");
    };
    return durable::covers(scratch.root + "/data") && durable::open_journal(settings) && told == middle;
  }) == 0);
}

TEST_CASE("without a checkpoint, or with a damaged one, all that is left is replayed") {
  JournalScratch scratch;
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("one", "1"); }) == 0);
  SECTION("damaged") {
    scratch.write("../journal/checkpoint", std::string(8192, 'x'));
  }
  SECTION("missing") {
    std::filesystem::remove(scratch.root + "/journal/checkpoint");
  }
  scratch.write("one", "");
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("one") == "1");
}

TEST_CASE("a torn slot of the checkpoint leaves the one before") {
  JournalScratch scratch;
  const auto directory = scratch.root + "/journal";
  scratch.directory("journal");
  REQUIRE(store_checkpoint(directory, {7, 1 << 20, 1000, 1}));
  REQUIRE(store_checkpoint(directory, {8, 1 << 20, 2000, 2}));
  CHECK((*load_checkpoint(directory))->lsn == 2000);
  auto fd = open_file(directory + "/checkpoint", O_RDWR);
  REQUIRE(write_at(fd->get(), 20, "torn"));  // slot 0 has serial 8
  CHECK((*load_checkpoint(directory))->lsn == 1000);
  REQUIRE(write_at(fd->get(), 4096 + 20, "torn"));
  CHECK_FALSE(load_checkpoint(directory));
}

namespace {
// Twenty files of bulk over several segments, whose bytes the disk has lost; killed.
void fill_segments(JournalScratch& scratch) {
  scratch.segments = 16;
  const std::string bulk(150000, 'b');
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    for (int n = 0; n < 20; ++n)
      if (!scratch.publish(std::to_string(n), bulk + std::to_string(n))) return false;
    return true;
  }) == 0);
  for (int n = 0; n < 20; ++n) scratch.write(std::to_string(n), "");
  scratch.power_cut();
}
int whole_files(const JournalScratch& scratch) {
  int whole = 0;
  for (int n = 0; n < 20; ++n)
    whole += scratch.read(std::to_string(n)) == std::string(150000, 'b') + std::to_string(n);
  return whole;
}
}  // namespace

TEST_CASE("a segment that is cut short ends the log there, is named, and keeps nobody from beginning") {
  JournalScratch scratch;
  fill_segments(scratch);
  const std::string last = scratch.root + "/journal/segment.02";
  const auto bytes = GENERATE(0, 40, 100, 500'000);
  REQUIRE(::truncate(last.c_str(), bytes) == 0);
  CHECK(scratch.reports_of_restart().find(last + " is gone, cut short") != std::string::npos);
  CHECK(whole_files(scratch) >= (bytes == 500'000 ? 15 : 12));
  CHECK(std::filesystem::file_size(last) == scratch.segment_bytes);
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("more", "m"); }) == 0);
  scratch.power_cut();
  CHECK(scratch.reports_of_restart().find("gone, cut short", 0) !=
        std::string::npos);  // of the first time only
  CHECK(scratch.read("more") == "m");
}

TEST_CASE("a segment that is gone costs no other, and is named") {
  JournalScratch scratch;
  const std::string bulk(150000, 'b');
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    for (int n = 0; n < 11; ++n) {
      if (!scratch.publish(std::to_string(n), bulk + std::to_string(n))) return false;
      if (n == 7 && !settle()) return false;  // in the second segment: the first is not needed any more
    }
    return true;
  }) == 0);
  for (int n = 8; n < 11; ++n) scratch.write(std::to_string(n), "");
  scratch.power_cut();
  const auto path = scratch.root + "/journal/segment.00";
  REQUIRE(::unlink(path.c_str()) == 0);
  CHECK(scratch.reports_of_restart().find(path + " is gone") != std::string::npos);
  CHECK(whole_files(scratch) == 11);
  CHECK(std::filesystem::file_size(path) == scratch.segment_bytes);
  REQUIRE(scratch.life([&] { return scratch.open() && scratch.publish("more", "m"); }) == 0);
}

TEST_CASE("a header of a segment that has rotted costs nothing and is named") {
  JournalScratch scratch;
  fill_segments(scratch);
  const auto slot = GENERATE(0, 1, 2);
  const auto path = scratch.root + "/journal/segment.0" + std::to_string(slot);
  {
    const auto fd = open_file(path, O_RDWR);
    REQUIRE(write_at(fd->get(), static_cast<std::uint64_t>(GENERATE(0, 17, 30, 60)), "rot"));
  }
  CHECK(scratch.reports_of_restart().find("journal.damaged") != std::string::npos);
  CHECK(whole_files(scratch) == 20);
}
