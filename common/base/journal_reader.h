// Reads the journal from its files alone, from a checkpoint to the first record that is not whole.
//
// Nothing it finds is trusted before its checksums and its chain fit; lengths are checked against the
// segment. Ends of segments are not marked: behind the last record of a segment stands anything, and the next
// segment's header says at which lsn and with which chain the log went on there.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/base/journal_record.h"
#include "common/base/journal_segment.h"
#include "common/base/journal_start.h"

namespace waxwing::durable {

class JournalReader {
 public:
  explicit JournalReader(SegmentFiles& files);

  // Where next() goes on.
  void start(std::uint64_t lsn, std::uint64_t chain);
  // The views hold until the next call. Nothing at the end of the log; an error when a segment is unreadable.
  Result<std::optional<JournalRecord>> next();
  // After nothing came: stand there records of this log behind the one that is not whole? Then power failed
  // while they were on their way and nobody was promised them, or the disk has damaged what was promised.
  bool goes_on_behind() const;
  std::uint64_t lsn() const { return lsn_; }
  std::uint64_t chain() const { return chain_; }
  // The highest number a segment bears.
  std::uint64_t last_segment() const { return slots_.empty() ? 0 : slots_.rbegin()->first; }
  const std::map<std::uint64_t, unsigned>& slots() const { return slots_; }
  // Without a checkpoint: the first segment of the run without gaps that ends with the last one.
  std::optional<SegmentHeader> oldest() const;

 private:
  Result<bool> load(std::uint64_t number);
  Result<> read_whole(int file);
  std::optional<std::uint64_t> number_of(unsigned slot);

  SegmentFiles& files_;
  std::map<std::uint64_t, unsigned> slots_;  // segment number -> file
  std::string bytes_;                        // the segment being read
  std::uint64_t loaded_ = ~std::uint64_t{0};
  std::uint64_t lsn_ = 0, chain_ = 0;
};

}  // namespace waxwing::durable
