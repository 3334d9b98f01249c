// Fixed-width little-endian numbers in files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waxwing::spool {

template <class T>
void put_le(std::string& bytes, T value) {
  char raw[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i)
    raw[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  bytes.append(raw, sizeof raw);
}

// The caller has checked that sizeof(T) bytes are there at offset.
template <class T>
T get_le(std::string_view bytes, std::size_t offset = 0) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
  return static_cast<T>(value);
}

}  // namespace waxwing::spool
