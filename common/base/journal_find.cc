// Finding the log again behind a piece of it that the disk has damaged.
//
// Behind the damage stand records whose predecessor is unknown. What may be taken for one:
//   records of this log, promised              to be found
//   records that were on their way at a power cut: nobody was promised them, and others that they build on are lost
//   bytes of a writer that died before it published them
//   bytes of a message that somebody made look like records, sent to be found here
// So a run of records, each fitting the chain of the one before, is accepted only when one of them is the log's own
// word (RecordType::synced, with the key of its segments, which nobody else knows) that everything before some
// place was on disk, and the run begins before that place or right there. Whoever wrote that word wrote it at the end
// of the log as it was, so what stands before it in its chain is the log; and the hole was on disk once.
#include <fmt/format.h>

#include "common/base/is_there.h"
#include "common/base/journal_reader.h"
#include "common/base/strings.h"

namespace waxwing::durable {

// Where neither the header nor the first record of a segment can be read, the log's own word in it knows its place.
// Behind it may stand words of the segment that the file held before.
Result<std::optional<std::uint64_t>> JournalReader::find_number(unsigned slot) {
  TRY(const bool there, files_.is_there(slot));
  if (key_ == 0 || !there) return std::nullopt;
  TRY_VOID(read_slot(slot));
  const auto size = files_.segment_bytes();
  std::optional<std::uint64_t> highest;
  for (auto at = kSegmentHeaderBytes; at + kRecordHeaderBytes <= bytes_.size(); at += 8) {
    const auto bytes = std::string_view(bytes_).substr(at);
    const auto lsn = lsn_of_record(bytes);
    if (lsn % size != at || !is_record_at(bytes, lsn)) continue;
    const auto record = decode_alone(bytes, lsn);
    if (record && record->type == RecordType::synced && record->key == key_)
      highest = std::max(highest.value_or(0), lsn / size);
  }
  return highest;
}

// Of a reader that is used for this only. end: where the run that begins with first ends.
Result<bool> JournalReader::is_proved(const JournalRecord& first, std::uint64_t& end) {
  const auto proves = [&](const JournalRecord& record) {
    return record.type == RecordType::synced && record.key == key_ && record.since >= first.lsn;
  };
  end = first.end;
  if (proves(first)) return true;
  start(first.end, first.chain);
  for (;;) {
    TRY(const auto record, next_in_chain());
    if (!record) return false;
    if (proves(*record)) return true;
    end = record->end;
  }
}

Result<std::optional<JournalRecord>> JournalReader::find_in_segment(std::uint64_t number, std::uint64_t from,
                                                                    JournalReader& probe) {
  TRY(const bool there, load(number));
  if (!there) return std::nullopt;
  const auto begin = number * files_.segment_bytes();
  const auto end = begin + bytes_.size();
  for (auto at = from; at + kRecordHeaderBytes <= end; at += 8) {
    const auto bytes = std::string_view(bytes_).substr(at - begin);
    if (!is_record_at(bytes, at)) continue;
    const auto record = decode_alone(bytes, at);
    if (!record) continue;
    std::uint64_t run_end = 0;
    TRY(const bool proved, probe.is_proved(*record, run_end));
    if (proved) return record;
    // No later part of that run is proved either. It may have gone on in the next segment.
    at = std::min(run_end, end) - 8;
  }
  return std::nullopt;
}

Result<std::optional<JournalRecord>> JournalReader::find_again() {
  if (slots_.empty() || key_ == 0) return std::nullopt;
  auto probe = *this;
  const auto size = files_.segment_bytes();
  auto from = (lsn_ + 7) / 8 * 8;
  const auto first = from / size;
  TRY(const bool there, load(first));
  // A record whose own bytes are damaged, but not its header, tells where the next one begins: what stands in it is
  // not looked at.
  if (there)
    if (const auto damaged = decode_damaged(std::string_view(bytes_).substr(from % size), from, chain_))
      from = damaged->end;
  for (auto number = first; number <= last_segment(); ++number) {
    const auto begin = number * size + kSegmentHeaderBytes;
    TRY(const auto found, find_in_segment(number, std::max(from, begin), probe));
    if (found) return found;
  }
  return std::nullopt;
}

std::string JournalReader::tell(const JournalHole& hole) {
  const auto size = files_.segment_bytes();
  const auto there = load(hole.from / size);
  if (!there || !*there) return "unknown";
  const auto record =
      decode_damaged(std::string_view(bytes_).substr(hole.from % size), hole.from, hole.chain);
  if (!record) return "unknown";
  auto text = std::string(name_of(record->type));
  if (is_plain_path(record->path)) text += " " + printable(record->path, 400);
  if (is_plain_path(record->to)) text += " -> " + printable(record->to, 400);
  return text;
}

Result<std::string> JournalReader::bytes_of(const JournalHole& hole, std::size_t most) {
  const auto size = files_.segment_bytes();
  std::string bytes;
  for (auto at = hole.from; at < hole.to && bytes.size() < most; at = (at / size + 1) * size) {
    TRY(const bool there, load(at / size));
    if (!there) continue;
    const auto end = std::min(hole.to, (at / size + 1) * size);
    bytes +=
        std::string_view(bytes_).substr(at % size, std::min<std::uint64_t>(end - at, most - bytes.size()));
  }
  return bytes;
}

}  // namespace waxwing::durable
