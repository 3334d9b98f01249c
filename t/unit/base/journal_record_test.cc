#include "common/base/journal_record.h"

#include <catch2/catch.hpp>

#include "t/unit/base/journal_scratch.h"

using namespace waxwing;
using namespace waxwing::durable;

namespace {
constexpr std::uint64_t kLsn = 4096, kChain = 77;

std::string one_of_each() {
  std::string log;
  encode_content(log, 7, "queue/a", "the bytes");
  encode_names(log, RecordType::renamed, "queue/a", "queue/b");
  encode_names(log, RecordType::linked, "queue/b", "store/c");
  encode_name(log, RecordType::removed, "queue/b");
  encode_range(log, "store/index", 1024, "image", 8, "identity");
  encode_name(log, RecordType::standing, "store/large");
  encode_stands(log, 4000, "store/larger");
  seal_records(log.data(), log.size(), kLsn, kChain);
  return log;
}

std::vector<JournalRecord> decode_all(std::string_view log) {
  std::vector<JournalRecord> records;
  auto lsn = kLsn, chain = kChain;
  while (const auto record = decode_record(log.substr(std::min(log.size(), lsn - kLsn)), lsn, chain)) {
    records.push_back(*record);
    lsn = record->end;
    chain = record->chain;
  }
  return records;
}
}  // namespace

TEST_CASE("every kind of record comes back as it was written") {
  const auto log = one_of_each();
  const auto records = decode_all(log);
  REQUIRE(records.size() == 7);
  CHECK(records[0].type == RecordType::content);
  CHECK(records[0].since == 7);
  CHECK(records[0].path == "queue/a");
  CHECK(records[0].bytes == "the bytes");
  CHECK(records[1].type == RecordType::renamed);
  CHECK(records[1].path == "queue/a");
  CHECK(records[1].to == "queue/b");
  CHECK(records[2].type == RecordType::linked);
  CHECK(records[3].path == "queue/b");
  CHECK(records[4].offset == 1024);
  CHECK(records[4].bytes == "image");
  CHECK(records[4].guard_offset == 8);
  CHECK(records[4].guard == "identity");
  CHECK(records[5].type == RecordType::standing);
  CHECK(records[5].since == records[5].lsn);
  CHECK(records[6].type == RecordType::stands);
  CHECK(records[6].path == "store/larger");
  CHECK(records[6].since == 4000);
  CHECK(records[6].end == kLsn + log.size());
}

TEST_CASE("a log that is cut at any byte ends with the last whole record") {
  const auto log = one_of_each();
  const auto whole = decode_all(log);
  for (std::size_t cut = 0; cut < log.size(); ++cut) {
    const auto short_log = decode_all(std::string_view(log).substr(0, cut));
    std::size_t expected = 0;
    while (expected < whole.size() && whole[expected].end <= kLsn + cut) ++expected;
    REQUIRE(short_log.size() == expected);
    // The same with zeros behind, as they stand in a segment.
    auto zeros = log.substr(0, cut) + std::string(log.size() - cut, '\0');
    REQUIRE(decode_all(zeros).size() >= expected);
    REQUIRE(decode_all(zeros).size() <= expected + 1);  // one whose last bytes were zeros anyway
  }
}

TEST_CASE("a record does not count at another place or behind another record") {
  const auto log = one_of_each();
  CHECK(decode_record(log, kLsn, kChain));
  CHECK_FALSE(decode_record(log, kLsn + 8, kChain));
  CHECK_FALSE(decode_record(log, kLsn, kChain + 1));
}

TEST_CASE("what a dead writer left behind a later record of fitting length is not taken for its successor") {
  // The dead wrote two records and did not publish them; the next one wrote one of the same length over the
  // first.
  std::string dead, next;
  encode_range(dead, "index", 0, "old flags", 0, "");
  encode_range(dead, "index", 0, "old flags", 0, "");
  seal_records(dead.data(), dead.size(), kLsn, kChain);
  encode_range(next, "index", 0, "new flags", 0, "");
  seal_records(next.data(), next.size(), kLsn, kChain);
  REQUIRE(next.size() == dead.size() / 2);
  const auto log = next + dead.substr(next.size());
  const auto records = decode_all(log);
  REQUIRE(records.size() == 1);
  CHECK(records[0].bytes == "new flags");
}

TEST_CASE("any byte changed anywhere ends the log there at the latest") {
  const auto log = one_of_each();
  const auto whole = decode_all(log);
  for (std::size_t at = 0; at < log.size(); ++at) {
    auto damaged = log;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    const auto records = decode_all(damaged);
    std::size_t before = 0;
    while (whole[before].end <= kLsn + at) ++before;
    // Fill bytes are not covered; what they belong to is whole.
    const bool fill = records.size() == whole.size();
    if (!fill) REQUIRE(records.size() == before);
    for (std::size_t n = 0; n < records.size(); ++n) REQUIRE(records[n].bytes == whole[n].bytes);
  }
}

TEST_CASE("plain paths") {
  for (const auto* path : {"queue/a", "/abs/b", "a"}) CHECK(is_plain_path(path));
  for (const auto* path : {"", "/", "a//b", "../a", "a/..", "a/./b", "a/", "//a"})
    CHECK_FALSE(is_plain_path(path));
  CHECK_FALSE(is_plain_path(std::string_view("a\0b", 3)));
  CHECK_FALSE(is_plain_path(std::string(5000, 'a')));
}

TEST_CASE("a content record holds exactly its bytes, whatever room the buffer has") {
  for (const std::size_t room : {0, 1, 40, 100, 5000})
    for (const std::size_t size : {0, 1, 7, 12, 100, 4096}) {
      CAPTURE(room, size);
      std::string out;
      out.reserve(room);
      const std::string bytes(size, 'x');
      encode_content(out, 0, "queue/a/000/ZZ1.00", bytes);
      CHECK(record_bytes(out) == out.size());
      seal_records(out.data(), out.size(), 4096, 77);
      const auto record = decode_record(out, 4096, 77);
      REQUIRE(record);
      CHECK(record->path == "queue/a/000/ZZ1.00");
      CHECK(record->bytes == bytes);
    }
}
