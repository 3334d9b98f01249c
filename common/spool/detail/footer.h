// The 64 bytes at the end of a message file; layout in message_file.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::spool {

struct Footer {
  std::uint64_t message_size = 0;
  std::uint64_t message_hash = 0;
  std::uint64_t records_hash = 0;
  std::uint32_t records_size = 0;
  std::uint32_t slot_count = 0;
  std::uint16_t slot_bytes = 0;
  std::uint16_t kind = 0;
};

std::string encode_footer(const Footer& footer);
// bytes: exactly the last 64 of the file. Checks everything that can be known without the rest of it.
Result<Footer> decode_footer(std::string_view bytes, std::uint64_t file_size);

}  // namespace waxwing::spool
