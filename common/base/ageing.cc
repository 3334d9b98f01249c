#include "common/base/ageing.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace waxwing::durable {

namespace {
template <class T>
T number_at(std::string_view bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
}  // namespace

bool Ageing::is_plausible() const {
  return piece_bytes > 0 && same_bytes <= piece_bytes && age_at >= hashed_at &&
         age_at + sizeof(std::uint64_t) <= std::size_t{hashed_at} + hashed_bytes &&
         std::size_t{hashed_at} + hashed_bytes <= piece_bytes &&
         hash_at + sizeof(std::uint32_t) <= piece_bytes;
}

bool is_newer(const Ageing& ageing, std::string_view piece, std::string_view other) {
  if (piece.substr(0, ageing.same_bytes) != other.substr(0, ageing.same_bytes)) return false;
  if (number_at<std::uint64_t>(piece, ageing.age_at) <= number_at<std::uint64_t>(other, ageing.age_at))
    return false;
  const auto hash = XXH3_64bits(piece.data() + ageing.hashed_at, ageing.hashed_bytes);
  return static_cast<std::uint32_t>(hash) == number_at<std::uint32_t>(piece, ageing.hash_at);
}

}  // namespace waxwing::durable
