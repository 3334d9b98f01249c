// Slot: u8 status (R: pending, to be given back), u8 notices, u16 attempts, u16 text length, u16 check of text, i64 last attempt ms, text.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "common/spool/bytes.h"
#include "mta/queue/envelope.h"

namespace waxwing::mta::queue {

using spool::get_le;
using spool::put_le;

namespace {
constexpr std::size_t kFixedBytes = 16;

std::uint16_t check_of(std::string_view text) {
  return static_cast<std::uint16_t>(XXH3_64bits(text.data(), text.size()));
}

bool is_status(std::uint8_t byte) {
  return byte == 0 || byte == 'D' || byte == 'F' || byte == 'X';
}
constexpr std::uint8_t kGiveBack = 'R';
}  // namespace

std::uint16_t slot_bytes_for(std::size_t recipients) {
  return recipients <= 64 ? 256 : 64;
}

std::string encode_progress(const Progress& progress, std::size_t slot_bytes) {
  const auto text = std::string_view(progress.last_text)
                        .substr(0, std::min(progress.last_text.size(), slot_bytes - kFixedBytes));
  std::string slot;
  const bool give_back = progress.give_back && progress.status == Status::pending;
  put_le(slot, give_back ? kGiveBack : static_cast<std::uint8_t>(progress.status));
  put_le(slot, static_cast<std::uint8_t>(std::min(progress.notices, 255U)));
  put_le(slot, static_cast<std::uint16_t>(std::min(progress.attempts, 65535U)));
  put_le(slot, static_cast<std::uint16_t>(text.size()));
  put_le(slot, check_of(text));
  put_le(slot, progress.last_attempt_ms);
  slot += text;
  return slot;
}

Progress decode_progress(std::string_view slot) {
  Progress progress;
  if (slot.size() < kFixedBytes) return progress;
  const auto status = get_le<std::uint8_t>(slot, 0);
  // A byte that is no status can only come from damage; trying again is the mistake that loses nothing.
  progress.status = is_status(status) ? static_cast<Status>(status) : Status::pending;
  progress.give_back = status == kGiveBack;
  progress.notices = get_le<std::uint8_t>(slot, 1);
  progress.attempts = get_le<std::uint16_t>(slot, 2);
  const std::size_t length = get_le<std::uint16_t>(slot, 4);
  progress.last_attempt_ms = std::max<std::int64_t>(0, get_le<std::int64_t>(slot, 8));
  if (length <= slot.size() - kFixedBytes) {
    const auto text = slot.substr(kFixedBytes, length);
    if (check_of(text) == get_le<std::uint16_t>(slot, 6)) progress.last_text = text;
  }
  return progress;
}

}  // namespace waxwing::mta::queue
