// The file format of the MTA's databases: constant, made whole by imsimta crdb. database(5).
//
//   header, 72 bytes, little endian
//      0  "WXDATAB\n"
//      8  u32 version, 1          12  u32 zero
//     16  u64 records             24  u64 slots: a power of two, more than records
//     32  u64 offset of the slots 40  u64 bytes of the file
//     48  u64 seconds since 1970 when it was made
//     56  u64 xxh64 of the slots  64  u64 xxh64 of the 64 bytes before
//   records, one behind the other
//      u32 check, u32 bytes of key, u32 bytes of value, key, value
//      check is the low half of xxh64 over all that follows it
//   slots: u64 xxh64 of the key, u64 offset of the record, 0 for an empty slot
//
// A key is looked for from slot (hash mod slots) on, up to the first empty slot, around the end. Records with
// the same key are met in the order in which they were given.
//
// What is checked when: header and slots when the file is opened, a record whenever it is read. So a damaged
// file is refused or a damaged record reported; it never answers with other bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace waxwing::mta {

inline constexpr std::uint32_t kDatabaseVersion = 1;
inline constexpr std::size_t kMaxDatabaseKey = 1024, kMaxDatabaseValue = 65535;

using DatabaseEntries = std::vector<std::pair<std::string, std::string>>;  // key, value

// Keys are folded to lower case (ASCII): look-ups are case-blind. Permanent error: a key or value too long, or
// an empty key.
Result<std::string> encode_database(const DatabaseEntries& entries, std::uint64_t made_seconds);

// A view of a database's bytes, which must outlive it. Cheap to copy; all functions thread-safe.
class DatabaseImage {
 public:
  DatabaseImage() = default;  // of no records
  static constexpr std::size_t kHeaderBytes = 72;
  // Checks header and slots. Permanent error: no database, another version, damaged.
  static Result<DatabaseImage> open(std::string_view bytes);
  // Checks the header, the first bytes of a file of that size: an image of numbers, that finds nothing.
  static Result<DatabaseImage> header_of(std::string_view bytes, std::uint64_t file_bytes);
  // The values of key, in order; none when it is not there. Permanent error: the record is damaged.
  Result<std::vector<std::string_view>> find(std::string_view key) const;
  // Every record in file order; checks all of them.
  Result<DatabaseEntries> all() const;
  std::uint64_t size() const { return records_; }
  std::uint64_t made_seconds() const { return made_; }

 private:
  struct Record {
    std::string_view key, value;
    std::uint64_t end = 0;
  };
  Result<Record> record(std::uint64_t offset) const;

  std::string_view bytes_;
  std::uint64_t records_ = 0, slots_ = 0, slots_at_ = 0, made_ = 0;
};

}  // namespace waxwing::mta
