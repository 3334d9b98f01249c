// The journal's format, version 1: bytes that were written once, and must be read so by every later program.
#include <catch2/catch.hpp>

#include "common/base/journal_record.h"
#include "common/base/journal_segment.h"
#include "common/base/journal_start.h"
#include "common/base/strings.h"
#include "t/unit/base/journal_scratch.h"

using namespace waxwing;
using namespace waxwing::durable;

namespace {
constexpr std::uint64_t kSize = 1 << 20, kChain = 0x1122334455667788;
constexpr const char* kCheckpoint =
    "V0FYV0pDSEsBAAAAAAAAAAUAAAAAAAAAAAAQAAAAAABAADAAAAAAAIh3ZlVEMyIRyBOgEKt/u3c=";
// With the content of earlier programs, which had no since.
constexpr const char* kEarlier =
    "V0FYV0pTRUcBAAAAQAAAAAAAEAAAAAAAAwAAAAAAAACId2ZVRDMiEaAPIAAAAAAAAAAAAAAAAADeDoStDRy7qldKAQAfAAAA"
    "QAAwAAAAAACDXi1Jk9mDrxhMv/ohc1RLEgAAAHF1ZXVlL2wvMDAwL1paMS4wMGEgbWVzc2FnZQBXSgMANwAAAIAAMAAAAAAA"
    "47XGy3JuZZrAP17oR+4hDhIAAABxdWV1ZS9sLzAwMC9aWjEuMDBzdG9yZS9wYXJ0aXRpb24vcHJpbWFyeS9tLzAvMS5tc2cA"
    "V0oFAEgAAADYADAAAAAAAJI/NWx9xIkngUG0IldG+UYjAAAABwAAAAAQAAAAAAAAEAAAAAAAAABzdG9yZS9wYXJ0aXRpb24v"
    "cHJpbWFyeS9tL3N0b3JlLmlkeG1haWxib3hyZWNvcmRXSgIAKAAAAEABMAAAAAAA4dDhHcQgoMKWgjxF3fhi4BIAAABxdWV1"
    "ZS9sLzAwMC9aWjIuMDBxdWV1ZS9sLzAwMC9aWTIuMDBXSgQAEgAAAIgBMAAAAAAA6DyXlv7/kcGqVwucrwXeSHF1ZXVlL2wv"
    "MDAwL1paMS4wMAAAAAAAAFdKBgAUAAAAwAEwAAAAAABWy75Sfydh2kfLhw1S/s5UL21udC9vdGhlci9tLzAvMi5tc2cAAAAA"
    "V0oHABwAAAD4ATAAAAAAAGKhun2MimS/44cfsgYsdzlAADAAAAAAAC9tbnQvb3RoZXIvbS8wLzMubXNnAAAAAA==";
constexpr const char* kSegment =
    "V0FYV0pTRUcBAAAAQAAAAAAAEAAAAAAAAwAAAAAAAACId2ZVRDMiEaAPIAAAAAAAAAAAAAAAAADeDoStDRy7qldKCAAnAAAA"
    "QAAwAAAAAABjqFqbd2qyPQHf9u+2X3RcAAAwAAAAAAASAAAAcXVldWUvbC8wMDAvWloxLjAwYSBtZXNzYWdlAFdKAwA3AAAA"
    "iAAwAAAAAADjtcbLcm5lmmGCLBldD/aIEgAAAHF1ZXVlL2wvMDAwL1paMS4wMHN0b3JlL3BhcnRpdGlvbi9wcmltYXJ5L20v"
    "MC8xLm1zZwBXSgUASAAAAOAAMAAAAAAAkj81bH3EiScaCXHNSymF/CMAAAAHAAAAABAAAAAAAAAQAAAAAAAAAHN0b3JlL3Bh"
    "cnRpdGlvbi9wcmltYXJ5L20vc3RvcmUuaWR4bWFpbGJveHJlY29yZFdKAgAoAAAASAEwAAAAAADh0OEdxCCgwpTRE4n/yms2"
    "EgAAAHF1ZXVlL2wvMDAwL1paMi4wMHF1ZXVlL2wvMDAwL1pZMi4wMFdKBAASAAAAkAEwAAAAAADoPJeW/v+Rwb3sMVkS9k49"
    "cXVldWUvbC8wMDAvWloxLjAwAAAAAAAAV0oGABQAAADIATAAAAAAAFbLvlJ/J2Ham/8qnjq7Ef0vbW50L290aGVyL20vMC8y"
    "Lm1zZwAAAABXSgcAHAAAAAACMAAAAAAAYqG6fYyKZL+e3dSlPiNMB0AAMAAAAAAAL21udC9vdGhlci9tLzAvMy5tc2cAAAAA";

std::string records() {
  std::string log;
  encode_content(log, 3 * kSize, "queue/l/000/ZZ1.00", "a message");
  encode_names(log, RecordType::linked, "queue/l/000/ZZ1.00", "store/partition/primary/m/0/1.msg");
  encode_range(log, "store/partition/primary/m/store.idx", 4096, "record", 16, "mailbox");
  encode_names(log, RecordType::renamed, "queue/l/000/ZZ2.00", "queue/l/000/ZY2.00");
  encode_name(log, RecordType::removed, "queue/l/000/ZZ1.00");
  encode_name(log, RecordType::standing, "/mnt/other/m/0/2.msg");
  encode_stands(log, 3 * kSize + kSegmentHeaderBytes, "/mnt/other/m/0/3.msg");
  seal_records(log.data(), log.size(), 3 * kSize + kSegmentHeaderBytes, kChain);
  return log;
}

std::string segment() {
  return encode_segment_header({kSize, 3, kChain, 2 * kSize + 4000}) + records();
}

std::string checkpoint_slot(const std::string& directory) {
  return read_file(directory + "/checkpoint").value().substr(4096, 56);
}
}  // namespace

TEST_CASE("the journal is written as version 1 says") {
  JournalScratch scratch;
  REQUIRE(store_checkpoint(scratch.root + "/data", {5, kSize, 3 * kSize + kSegmentHeaderBytes, kChain}));
  CHECK(to_base64(checkpoint_slot(scratch.root + "/data")) == kCheckpoint);
  CHECK(to_base64(segment()) == kSegment);
}

TEST_CASE("a journal of version 1 is read") {
  JournalScratch scratch;
  const auto directory = scratch.root + "/data";
  SegmentFiles files(directory, kSize);
  REQUIRE(files.create(0));
  const bool earlier = GENERATE(false, true);
  REQUIRE(write_at(*files.fd(0), 0, *from_base64(earlier ? kEarlier : kSegment)));
  auto slot = *from_base64(kCheckpoint);
  slot.resize(4096);
  scratch.write("checkpoint", std::string(4096, '\0') + slot);
  const auto checkpoint = load_checkpoint(directory);
  REQUIRE((checkpoint && *checkpoint));
  CHECK((*checkpoint)->serial == 5);
  JournalReader reader(files);
  reader.start((*checkpoint)->lsn, (*checkpoint)->chain);
  std::string names;
  for (auto record = reader.next(); record && *record; record = reader.next()) {
    if ((*record)->type == RecordType::content)
      CHECK((*record)->since == (earlier ? (*record)->lsn : 3 * kSize));
    names += std::string(name_of((*record)->type)) + " " + std::string((*record)->path) + "\n";
  }
  CHECK(names ==
        "content queue/l/000/ZZ1.00\nlinked queue/l/000/ZZ1.00\nrange store/partition/primary/m/store.idx\n"
        "renamed queue/l/000/ZZ2.00\nremoved queue/l/000/ZZ1.00\nstanding /mnt/other/m/0/2.msg\n"
        "stands /mnt/other/m/0/3.msg\n");
}
