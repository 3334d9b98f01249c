// Where a replay begins, and which directories it may touch: the two small files beside the segments.
//
// ROOT/journal/checkpoint: two slots of 4096 bytes, written in turn, so that one is whole whatever happens:
//     "WAXWJCHK"  u32 version 1  u32 0  u64 serial  u64 segment bytes  u64 lsn  u64 chain  u64 XXH3 of these
//     u64 key  u64 XXH3 of all these
// The whole slot with the higher serial counts: everything before its lsn is in the files, on disk.
//
// ROOT/journal/roots: text, the directories named to covers(), one a line, "<mark> <directory>", relative to the
// instance root where below it; the first line is "waxwing journal roots 2", the last "end <XXH3 of all before, in
// hex>". The mark (journal_mark.h) is "-" while there is none; version 1 had the directory only.
// It must outlive the processes, because a tool that knows the queue only may be the first after a power cut.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace waxwing::durable {

struct Checkpoint {
  std::uint64_t serial = 0;
  std::uint64_t segment_bytes = 0;
  std::uint64_t lsn = 0;
  std::uint64_t chain = 0;  // of the record before lsn
  std::uint64_t key = 0;    // of the segments, see journal_segment.h; 0: unknown
};

std::string checkpoint_path(const std::string& directory);
// Nothing when there is no file; a permanent error when no slot of it is whole.
Result<std::optional<Checkpoint>> load_checkpoint(const std::string& directory);
// Durable when it answers. Goes to slot serial % 2: a serial is used again after a failure, so that the slot
// that counts is never the one at risk. Failpoint journal.checkpoint.write.
Result<> store_checkpoint(const std::string& directory, const Checkpoint& checkpoint);

struct KnownRoot {
  std::string name;  // as records begin
  std::string mark;  // empty: none
  friend bool operator==(const KnownRoot&, const KnownRoot&) = default;
};

// Empty when there is no file; a permanent error when it is damaged.
Result<std::vector<KnownRoot>> load_roots(const std::string& directory);
Result<> store_roots(const std::string& directory, const std::vector<KnownRoot>& roots);

}  // namespace waxwing::durable
