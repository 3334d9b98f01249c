// The least rate at which a client has to send a message: who drips byte by byte holds a session, and an open
// queue file, for as long as he likes otherwise. No clock of its own; milliseconds of any.
#pragma once

#include <cstdint>

namespace waxwing::mta::protocol {

class DataRate {
 public:
  // 0 bytes a second: no limit. Nothing is asked of the first grace_ms.
  DataRate(std::int64_t least_bytes_per_second, std::int64_t grace_ms, std::int64_t begun_ms)
      : least_(least_bytes_per_second), grace_ms_(grace_ms), begun_ms_(begun_ms) {}

  // The average since the beginning is too low.
  bool too_slow(std::uint64_t bytes, std::int64_t now_ms) const {
    const auto elapsed_ms = now_ms - begun_ms_;
    return least_ > 0 && elapsed_ms > grace_ms_ &&
           static_cast<std::int64_t>(bytes) < least_ * (elapsed_ms / 1000);
  }

 private:
  std::int64_t least_, grace_ms_, begun_ms_;
};

}  // namespace waxwing::mta::protocol
