// Reads the journal from its files alone, from a checkpoint to the first record that is not whole.
//
// Nothing it finds is trusted before its checksums and its chain fit; lengths are checked against the
// segment. Ends of segments are not marked: behind the last record of a segment stands anything, and the next
// segment's header says at which lsn and with which chain the log went on there.
//
// Holes. The first record that is not whole ends the log when only the power failed: what stands behind it was on its
// way, and nobody was promised it. But the disk may also have damaged what it had been synced with. The log tells of
// its own syncs (RecordType::synced): one behind the damage that speaks of a place behind it proves that all before
// that place had been on disk. Then the reader passes over what cannot be read and goes on (journal_find.cc).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/journal_record.h"
#include "common/base/journal_segment.h"
#include "common/base/journal_start.h"

namespace waxwing::durable {

// Bytes of the log that were on disk once and cannot be read any more.
struct JournalHole {
  std::uint64_t from = 0, to = 0;
  std::uint64_t chain = 0;  // of the record before
};

class JournalReader {
 public:
  // key: of the log's segments, if known; a header that can be read goes before.
  // When the disk does not tell what the files hold, next() and oldest() answer that error.
  explicit JournalReader(SegmentFiles& files, std::uint64_t key = 0);

  // Where next() goes on.
  void start(std::uint64_t lsn, std::uint64_t chain);
  // The views hold until the next call. Nothing at the end of the log; an error when a segment is unreadable.
  Result<std::optional<JournalRecord>> next();
  // Those that next() has passed over since start().
  const std::vector<JournalHole>& holes() const { return holes_; }
  // For people: what the record at its beginning was about, as far as its bytes tell; and its bytes, at most so many.
  std::string tell(const JournalHole& hole);
  Result<std::string> bytes_of(const JournalHole& hole, std::size_t most);
  // After nothing came: stand there records of this log behind the one that is not whole? Then power failed
  // while they were on their way and nobody was promised them, or the disk has damaged what was promised.
  bool goes_on_behind() const;
  std::uint64_t lsn() const { return lsn_; }
  std::uint64_t chain() const { return chain_; }
  // The highest number a segment bears.
  std::uint64_t last_segment() const { return slots_.empty() ? 0 : slots_.rbegin()->first; }
  const std::map<std::uint64_t, unsigned>& slots() const { return slots_; }
  // Without a checkpoint: the first segment of the run without gaps that ends with the last one.
  Result<std::optional<SegmentHeader>> oldest() const;

 private:
  Result<std::optional<JournalRecord>> next_in_chain();
  // journal_find.cc
  Result<std::optional<JournalRecord>> find_again();
  Result<std::optional<JournalRecord>> find_in_segment(std::uint64_t number, std::uint64_t from,
                                                       JournalReader& probe);
  Result<bool> is_proved(const JournalRecord& first, std::uint64_t& end);
  Result<std::optional<std::uint64_t>> find_number(unsigned slot);

  Result<> find_slots();
  Result<bool> load(std::uint64_t number);
  Result<> read_slot(unsigned slot);
  Result<std::optional<std::uint64_t>> number_of(unsigned slot);

  SegmentFiles& files_;
  std::uint64_t key_ = 0;                    // 0: none is known
  std::map<std::uint64_t, unsigned> slots_;  // segment number -> file
  std::string bytes_;                        // the segment being read
  std::uint64_t loaded_ = ~std::uint64_t{0};
  std::uint64_t lsn_ = 0, chain_ = 0;
  std::vector<JournalHole> holes_;
  std::uint64_t ended_at_ = ~std::uint64_t{0};  // nothing follows there: it was looked for
  const Result<> opened_;                       // the last: to find the segments takes the others
};

}  // namespace waxwing::durable
