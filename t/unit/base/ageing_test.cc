// Pieces of a file that tell their age: an older image is not written over a newer piece.
#include <xxhash.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "common/base/journal_redo.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;
using namespace waxwing::durable;

namespace {
constexpr Ageing kAgeing{
    .piece_bytes = 32, .same_bytes = 4, .age_at = 8, .hashed_at = 8, .hashed_bytes = 16, .hash_at = 24};

std::string piece(const std::string& name, std::uint64_t age, const std::string& value) {
  std::string bytes(32, '\0');
  name.copy(bytes.data(), 4);
  std::memcpy(bytes.data() + 8, &age, sizeof age);
  value.copy(bytes.data() + 16, 8);
  const auto hash = static_cast<std::uint32_t>(XXH3_64bits(bytes.data() + 8, 16));
  std::memcpy(bytes.data() + 24, &hash, sizeof hash);
  return bytes;
}

Redo redo(const JournalScratch& scratch, const std::string& bytes, const Ageing& ageing = kAgeing) {
  JournalRecord record;
  record.type = RecordType::aged;
  record.offset = 64;
  record.bytes = bytes;
  record.ageing = ageing;
  return redo_range(scratch.path("file"), record).value();
}
std::string pieces_in(const JournalScratch& scratch) {
  return scratch.read("file").substr(64);
}
}  // namespace

TEST_CASE("pieces that are newer in the file stay, the others are written") {
  const JournalScratch scratch;
  const std::string front(64, 'f');
  const auto newer = piece("a", 9, "newer"), older = piece("b", 1, "older");
  scratch.write("file", front + newer + older);
  const auto image = piece("a", 5, "image") + piece("b", 5, "image") + piece("c", 5, "image");
  CHECK(redo(scratch, image) == Redo::done);
  CHECK(pieces_in(scratch) == newer + piece("b", 5, "image") + piece("c", 5, "image"));
  CHECK(redo(scratch, image) == Redo::needless);
  CHECK(redo(scratch, piece("a", 10, "latest")) == Redo::done);
  CHECK(pieces_in(scratch).starts_with(piece("a", 10, "latest")));
}

TEST_CASE("a piece that is not whole, or of another thing, is never newer") {
  const JournalScratch scratch;
  const std::string front(64, 'f');
  auto there = piece("a", 9, "newer");
  SECTION("torn") {
    there[17] ^= 1;
  }
  SECTION("another") {
    there = piece("x", 9, "newer");
  }
  SECTION("of the same age") {
    there = piece("a", 5, "other");
  }
  scratch.write("file", front + there);
  CHECK(redo(scratch, piece("a", 5, "image")) == Redo::done);
  CHECK(pieces_in(scratch) == piece("a", 5, "image"));
}

TEST_CASE("places outside the piece, and half pieces, are refused") {
  const JournalScratch scratch;
  const std::string file = std::string(64, 'f') + piece("a", 1, "old");
  scratch.write("file", file);
  const auto image = piece("a", 5, "image");
  auto wrong = kAgeing;
  SECTION("age") {
    wrong.age_at = 30;
  }
  SECTION("age not covered") {
    wrong.age_at = 0;
  }
  SECTION("hash") {
    wrong.hash_at = 29;
  }
  SECTION("hashed") {
    wrong.hashed_bytes = 60000;
  }
  SECTION("same") {
    wrong.same_bytes = 33;
  }
  SECTION("no size") {
    wrong.piece_bytes = 0;
  }
  CHECK(redo(scratch, image, wrong) == Redo::refused);
  CHECK(redo(scratch, image.substr(1)) == Redo::refused);
  CHECK(scratch.read("file") == file);
}

TEST_CASE("the age of an image goes through the journal") {
  std::string log;
  encode_range(log, "data/file", 64, piece("a", 5, "image"), 0, "guard", kAgeing);
  seal_records(log.data(), log.size(), 4096, 1);
  const auto record = decode_record(log, 4096, 1);
  REQUIRE(record);
  CHECK(record->type == RecordType::aged);
  CHECK(record->ageing == kAgeing);
  CHECK(record->bytes == piece("a", 5, "image"));
  CHECK(record->guard == "guard");

  const JournalScratch scratch;
  REQUIRE(scratch.life([&] {
    if (!scratch.open()) return false;
    scratch.write("file", piece("a", 5, "image"));
    const auto fd = open_file(scratch.path("file"), O_RDWR);
    Batch batch;
    batch.range({scratch.path("file"), fd->get(), 0,
                 [](std::string& image) { image += piece("a", 5, "image"); }, 0, "a", kAgeing});
    return commit(std::move(batch)).has_value();
  }) == 0);
  scratch.write("file", piece("a", 7, "newer"));  // what the log is not told of any more
  scratch.power_cut();
  REQUIRE(scratch.restart() == 0);
  CHECK(scratch.read("file") == piece("a", 7, "newer"));
}
