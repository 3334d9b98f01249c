#include "common/base/time.h"

#include <time.h>

#include <cstdio>

#include "common/base/strings.h"

namespace waxwing {

namespace {
std::int64_t clock_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}
}  // namespace

std::int64_t wall_ms() {
  return clock_ms(CLOCK_REALTIME);
}
std::int64_t wall_seconds() {
  return wall_ms() / 1000;
}
std::int64_t monotonic_ms() {
  return clock_ms(CLOCK_MONOTONIC);
}

std::string iso_timestamp(std::int64_t wall_milliseconds) {
  const time_t seconds = wall_milliseconds / 1000;
  // Each line of a log begins with one: no printf, and the calendar is asked once a second.
  thread_local time_t last = -1;
  thread_local std::string second;
  std::string text = last == seconds ? second : "0000-00-00T00:00:00.000Z";
  const auto put = [&text](std::size_t at, std::size_t digits, int number) {
    for (; digits > 0 && number > 0; number /= 10) text[at + --digits] = static_cast<char>('0' + number % 10);
  };
  put(20, 3, static_cast<int>(wall_milliseconds % 1000));
  if (last == seconds) return text;
  tm parts{};
  gmtime_r(&seconds, &parts);
  put(0, 4, parts.tm_year + 1900);
  put(5, 2, parts.tm_mon + 1);
  put(8, 2, parts.tm_mday);
  put(11, 2, parts.tm_hour);
  put(14, 2, parts.tm_min);
  put(17, 2, parts.tm_sec);
  last = seconds;
  second = text.substr(0, 20) + "000Z";
  return text;
}

std::optional<std::int64_t> iso_duration_seconds(std::string_view text) {
  constexpr std::int64_t kMost = 10LL * 366 * 86400;
  if (text.size() < 3 || lower(text[0]) != 'p') return std::nullopt;
  text.remove_prefix(1);
  std::int64_t total = 0;
  bool in_time = false, any = false;
  while (!text.empty()) {
    if (!in_time && lower(text[0]) == 't') {
      in_time = true;
      text.remove_prefix(1);
      continue;
    }
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    const auto number = to_number<std::int64_t>(text.substr(0, digits));
    if (!number || digits >= text.size() || *number > kMost) return std::nullopt;
    std::int64_t unit = 0;
    switch (lower(text[digits])) {
      case 'w':
        unit = in_time ? 0 : 604800;
        break;
      case 'd':
        unit = in_time ? 0 : 86400;
        break;
      case 'h':
        unit = in_time ? 3600 : 0;
        break;
      case 'm':
        unit = in_time ? 60 : 0;
        break;
      case 's':
        unit = in_time ? 1 : 0;
        break;
    }
    if (unit == 0) return std::nullopt;
    total += *number * unit;
    if (total > kMost) return std::nullopt;
    any = true;
    text.remove_prefix(digits + 1);
  }
  return any ? std::optional(total) : std::nullopt;
}

}  // namespace waxwing
