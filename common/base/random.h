// Randomness and names that are never used twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace waxwing {

// From the kernel; fit for keys and nonces. Thread-safe.
std::string random_bytes(std::size_t count);
std::uint64_t random_u64();

// 16 characters of 0-9A-Z without I L O U (Crockford base 32): 50 bits of milliseconds, then 30 random
// bits. Sorts by time of birth, unique on one host and, for all that matters, everywhere. Used for
// queue ids, session ids and temporary names.
std::string unique_id();
// When such an id was made, in wall milliseconds; nothing for any other text.
std::optional<std::int64_t> unique_id_ms(std::string_view id);

}  // namespace waxwing
