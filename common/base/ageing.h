// Pieces of a file that tell themselves how new they are, so that an old image is not written over a newer piece.
//
// The log tells changes in their order, and a replay that reads it to its end leaves each piece as it was last. But it
// may end early, behind a record that the disk has damaged, on a disk that has all that came later. Then what
// stands in the file is not to be undone.
#pragma once

#include <cstdint>
#include <string_view>

namespace waxwing::durable {

// Where things are in a piece; all in bytes.
struct Ageing {
  std::uint16_t piece_bytes = 0;  // 0: the bytes have no age
  std::uint16_t same_bytes = 0;   // at its front: which thing it is; others have no common age
  std::uint16_t age_at = 0;       // u64, little endian: grows with every change
  std::uint16_t hashed_at = 0, hashed_bytes = 0;  // hold the age; that they are whole
  std::uint16_t hash_at = 0;                      // says this u32: the lower half of their XXH3

  bool operator==(const Ageing&) const = default;
  // Everything it names lies in a piece.
  bool is_plausible() const;
};

// Is this the same thing as other, whole, and newer? Both have piece_bytes.
bool is_newer(const Ageing& ageing, std::string_view piece, std::string_view other);

}  // namespace waxwing::durable
