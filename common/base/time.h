// Clocks. Wall time for what people and files see, monotonic time for time-outs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace waxwing {

std::int64_t wall_ms();       // milliseconds since 1970-01-01 UTC
std::int64_t wall_seconds();  // the same in seconds
std::int64_t monotonic_ms();  // never goes back; zero point unspecified

// 2026-11-22T04:10:00.123Z
std::string iso_timestamp(std::int64_t wall_milliseconds);

// ISO 8601 durations as the MTA's files write them: "pt30m", "p1d", "pt1h30m", "p1dt12h", case-blind.
// Weeks, days, hours, minutes, seconds; answers seconds, nothing when malformed or over 10 years.
std::optional<std::int64_t> iso_duration_seconds(std::string_view text);

}  // namespace waxwing
