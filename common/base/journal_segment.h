// The segments of the commit journal: the files that hold the records.
//
// The log is endless; segment number q holds its bytes from q * segment_bytes on, the first 64 of them a
// header. A file ROOT/journal/segment.NN is filled with zeros and synced when it is made, so that a later
// fdatasync of it commits data only, no size and no allocation; it holds one segment after the other. Which
// file holds which segment is said by the headers, and while the system runs by the control block too.
//
//   header: "WAXWJSEG"  u32 version 1  u32 header bytes 64  u64 segment bytes  u64 number
//           u64 chain at its first record  u64 lsn at which the log left the segment before
//           u64 key  u64 XXH3 of these
// The key is random, drawn when the log was begun. Nobody but the log knows it, so a record that bears it
// (RecordType::synced) was written by the log, and is no part of a message that was made to look like one.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/file.h"

namespace waxwing::durable {

constexpr std::size_t kSegmentHeaderBytes = 64;
constexpr unsigned kMostSegments = 256;
constexpr std::uint64_t kLeastSegmentBytes = 1 << 20, kMostSegmentBytes = 64 << 20;

struct SegmentHeader {
  std::uint64_t segment_bytes = 0;
  std::uint64_t number = 0;
  std::uint64_t chain = 0;
  std::uint64_t left_before = 0;  // 0: the log did not go on here, it began anew
  std::uint64_t key = 0;          // 0: of an earlier program
};
std::string encode_segment_header(const SegmentHeader& header);
std::optional<SegmentHeader> decode_segment_header(std::string_view bytes);

class SegmentFiles {
 public:
  SegmentFiles(std::string directory, std::uint64_t segment_bytes);

  const std::string& directory() const { return directory_; }
  std::uint64_t segment_bytes() const { return segment_bytes_; }
  std::string path_of(unsigned slot) const;
  // Makes the file of zeros and its name durable. Failpoint journal.grow.
  Result<> create(unsigned slot);
  // One more than the highest that is there; one below may be missing when somebody has removed it.
  Result<unsigned> count() const;
  Result<bool> is_there(unsigned slot) const;
  // It is there in its full length, with a header or with none yet.
  Result<bool> is_whole(unsigned slot);
  // Opened when first asked for and kept. Thread-safe.
  Result<int> fd(unsigned slot);
  Result<> write_header(unsigned slot, const SegmentHeader& header);
  // Nothing for a file that is not there, has no header yet, or a damaged one.
  Result<std::optional<SegmentHeader>> read_header(unsigned slot);
  // False: the file is not there, or too short.
  Result<bool> read(unsigned slot, std::uint64_t offset, std::string& bytes);

 private:
  Result<UniqueFd> lay_out(const std::string& temporary_path);

  const std::string directory_;
  const std::uint64_t segment_bytes_;
  std::mutex mutex_;
  std::vector<UniqueFd> files_{kMostSegments};
};

// When the process is root's: the file becomes that of the owner of the directory it lies in, so that the
// service user can go on with it.
Result<> give_to_owner_of(const std::string& directory, int fd);
// The names in a directory are on disk.
Result<> sync_names(const std::string& directory);

}  // namespace waxwing::durable
