// The form of ControlBlock as one number, made from what the compiler laid out: two programs that differ in it never
// share a block, and nobody has to remember to say so.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/journal_control.h"

namespace waxwing::durable {

struct Piece {
  std::size_t at, bytes;
};

#define WAXWING_PIECE(field)                                   \
  Piece {                                                      \
    offsetof(ControlBlock, field), sizeof(ControlBlock::field) \
  }
// Every field, in the order of the block.
inline constexpr std::array kLayout{
    WAXWING_PIECE(magic),
    WAXWING_PIECE(version),
    WAXWING_PIECE(bytes),
    WAXWING_PIECE(boot_id),
    WAXWING_PIECE(device),
    WAXWING_PIECE(inode),
    WAXWING_PIECE(segment_bytes),
    WAXWING_PIECE(append),
    WAXWING_PIECE(sync),
    WAXWING_PIECE(checkpoint),
    WAXWING_PIECE(ends),
    WAXWING_PIECE(end_in_use),
    WAXWING_PIECE(key),
    WAXWING_PIECE(told_synced),
    WAXWING_PIECE(synced),
    WAXWING_PIECE(checkpointed),
    WAXWING_PIECE(checkpoint_serial),
    WAXWING_PIECE(broken),
    WAXWING_PIECE(closed),
    WAXWING_PIECE(syncing),
    WAXWING_PIECE(checking),
    WAXWING_PIECE(doubt),
    WAXWING_PIECE(passes),
    WAXWING_PIECE(doubted_pass),
    WAXWING_PIECE(doubted_ms),
    WAXWING_PIECE(doubted_wall_ms),
    WAXWING_PIECE(refused_before),
    WAXWING_PIECE(unchecked_since_ms),
    WAXWING_PIECE(slots),
    WAXWING_PIECE(noted),
    WAXWING_PIECE(noted_ms),
    WAXWING_PIECE(slot_segment),
    WAXWING_PIECE(root_count),
    WAXWING_PIECE(roots),
    WAXWING_PIECE(appends),
    WAXWING_PIECE(syncs),
    WAXWING_PIECE(checkpoints),
};
#undef WAXWING_PIECE

// No field is left out: between two there is no more than what aligns the second.
constexpr bool is_complete() {
  std::size_t end = 0;
  for (const auto& piece : kLayout) {
    if (piece.at < end || piece.at - end >= alignof(std::uint64_t)) return false;
    end = piece.at + piece.bytes;
  }
  return sizeof(ControlBlock) - end < alignof(std::uint64_t);
}
static_assert(is_complete(), "a field of ControlBlock is missing in kLayout, or stands in another place");
// What tells one version from another stands where every version has it.
static_assert(offsetof(ControlBlock, magic) == 0 && offsetof(ControlBlock, version) == 8 &&
              offsetof(ControlBlock, bytes) == 12 && offsetof(ControlBlock, boot_id) == 16);

// meaning is raised by hand, when a field gets another meaning in the same place.
constexpr std::uint32_t layout_version(std::uint32_t meaning) {
  std::uint32_t hash = 2166136261;  // FNV-1a
  const auto take = [&](std::size_t number) {
    hash = (hash ^ static_cast<std::uint32_t>(number)) * 16777619;
  };
  take(meaning);
  take(sizeof(ControlBlock));
  for (const auto& piece : kLayout) {
    take(piece.at);
    take(piece.bytes);
  }
  return hash;
}

}  // namespace waxwing::durable
