// How far the log of the mailbox list has been synced, and what is in it until there.
//
// Berkeley DB ends its recovery at the first record of the last log file that is not whole, for so a log ends
// that was being written when the power failed. One flipped bit looks the same to it, and so does a log that is
// gone: every change behind that place is forgotten without a word. So after each synced change this file says
// how far the log went, and a log that does not go there any more with the same bytes is known to be damaged.
//
//   store/mboxlist/witness: "WXLISTW\n", u32 version 1, u32 number of the log file,
//                           u64 bytes of it, u64 XXH3 of these bytes, u64 XXH3 of all before
// It is written when the log is on disk, and never synced: after a power cut it may be old, but never ahead.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "store/store.h"

namespace waxwing::store {

class ListWitness {
 public:
  explicit ListWitness(std::string directory);
  ~ListWitness();

  struct Place {
    std::uint32_t file = 0;
    std::uint64_t bytes = 0;
    auto operator<=>(const Place&) const = default;
  };
  // Before recovery touches the log: how far it was synced; nowhere without a witness. Code::corrupt: the log has
  // lost what was committed, and says how. Permanent: the witness itself is damaged, so nobody knows. Temporary: the
  // disk refuses a look. Blocks: reads one log file.
  Result<Place> check() const;
  // The log is on disk as far as that. Thread-safe. What it cannot write is written the next time.
  void note(std::uint32_t file, std::uint64_t bytes);

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace waxwing::store
