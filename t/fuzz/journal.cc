// Records of the commit journal, and what a replay asks of their paths. The first two bytes are the record's
// type; what follows is a payload to which header, checksum and chain are made to fit, and after it the same
// bytes raw.
#include <xxhash.h>

#include "common/base/journal_record.h"
#include "common/base/journal_segment.h"
#include "common/spool/bytes.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::durable;

namespace {

constexpr std::uint64_t kLsn = 4096, kChain = 77;

bool inside(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

std::string encoded(const JournalRecord& record) {
  std::string out;
  switch (record.type) {
    case RecordType::content:
      encode_content(out, record.since, record.path, record.bytes);
      break;
    case RecordType::renamed:
    case RecordType::linked:
      encode_names(out, record.type, record.path, record.to);
      break;
    case RecordType::range:
    case RecordType::aged:
      encode_range(out, record.path, record.offset, record.bytes, record.guard_offset, record.guard,
                   record.ageing);
      break;
    case RecordType::synced:
      encode_synced(out, record.since, record.key);
      break;
    case RecordType::stands:
      encode_stands(out, record.since, record.path);
      break;
    default:
      encode_name(out, record.type, record.path);
  }
  return out;
}

void same(const JournalRecord& a, const JournalRecord& b) {
  MUST(a.type == b.type);
  MUST(a.path == b.path);
  MUST(a.to == b.to);
  MUST(a.bytes == b.bytes);
  MUST(a.guard == b.guard);
  MUST(a.offset == b.offset && a.guard_offset == b.guard_offset && a.since == b.since);
}

// One that decodes is encoded, sealed and decoded again.
void look(std::string_view bytes) {
  const auto record = decode_record(bytes, kLsn, kChain);
  if (!record) return;
  for (const auto part : {record->path, record->to, record->bytes, record->guard}) MUST(inside(part, bytes));
  MUST(record->lsn == kLsn && record->end > kLsn && record->end - kLsn <= bytes.size());
  auto again = encoded(*record);
  MUST(record_bytes(again) == again.size() && again.size() % 8 == 0);
  seal_records(again.data(), again.size(), kLsn, kChain);
  const auto decoded = decode_record(again, kLsn, kChain);
  MUST(decoded.has_value());
  same(*record, *decoded);
  MUST(!decode_record(again, kLsn, kChain + 1) && !decode_record(again, kLsn + 8, kChain));
  MUST(!decode_record(std::string_view(again).substr(0, again.size() - 8), kLsn, kChain));
}

std::string sealed(std::uint16_t type, std::string_view payload) {
  std::string bytes;
  spool::put_le<std::uint16_t>(bytes, 0x4a57);
  spool::put_le(bytes, type);
  spool::put_le(bytes, static_cast<std::uint32_t>(payload.size()));
  spool::put_le<std::uint64_t>(bytes, 0);
  spool::put_le<std::uint64_t>(bytes, XXH3_64bits(payload.data(), payload.size()));
  spool::put_le<std::uint64_t>(bytes, 0);
  bytes.append(payload).resize((kRecordHeaderBytes + payload.size() + 7) / 8 * 8);
  seal_records(bytes.data(), bytes.size(), kLsn, kChain);
  return bytes;
}

}  // namespace

FUZZ_TARGET(journal) {
  fuzz::Input in(input);
  const auto type = in.word();
  look(sealed(type, in.rest()));
  look(in.rest());
  if (is_plain_path(in.rest())) {
    const auto path = "/" + std::string(in.rest()) + "/";
    MUST(path.find("/../") == std::string::npos && path.find('\0') == std::string::npos);
  }
  if (const auto header = decode_segment_header(in.rest()))
    MUST(encode_segment_header(*header).size() <= kSegmentHeaderBytes);
}
