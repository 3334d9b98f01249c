// Dates: RFC 5322 §3.3 as mail really writes it, IMAP's date-time (RFC 9051), and back. Proleptic
// Gregorian, years 1 to 9999, no time zone data base but for the host's own zone. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace waxwing::mail {

struct DateTime {
  std::int64_t utc_seconds = 0;  // since 1970-01-01; a leap second counts as the second before it
  int zone_minutes = 0;          // east of Greenwich; 0 when unknown ("-0000", military, unheard-of names)
  // Days since 1970-01-01 on the sender's calendar: what SEARCH SENTON compares.
  std::int64_t local_day() const;
  bool operator==(const DateTime&) const = default;
};

// The value of Date:, Resent-Date:, Received: after the ';'. Lenient: comments, folding, missing weekday,
// two- and three-digit years, missing seconds, "GMT+0100", zone names, asctime order, dashes between day,
// month and year. Nothing when day, month, year or time cannot be found or are out of range.
std::optional<DateTime> parse_date(std::string_view value);

// "Sun, 22 Nov 2026 04:10:00 +0000"; zone in minutes east.
std::string format_date(std::int64_t utc_seconds, int zone_minutes);
// Minutes east of Greenwich of this host's zone at that moment.
int local_zone_minutes(std::int64_t utc_seconds);
// format_date in this host's zone.
std::string format_local_date(std::int64_t utc_seconds);

// IMAP date-time without quotes: "22-Nov-2026 04:10:00 +0000" (day padded with a blank).
std::string format_internal_date(std::int64_t utc_seconds, int zone_minutes = 0);
// Strict; a one-digit day may come with or without the blank.
std::optional<DateTime> parse_internal_date(std::string_view text);
// RFC 3339 date-time: "2026-11-22T04:10:00.5+01:00"; fractions are cut off.
std::optional<DateTime> parse_internet_date(std::string_view text);
std::string format_internet_date(std::int64_t utc_seconds);  // "2026-11-22T04:10:00Z"
// IMAP date ("1-Feb-1994", no quotes): days since 1970-01-01.
std::optional<std::int64_t> parse_imap_day(std::string_view text);

// Calendar arithmetic.
std::int64_t days_from_civil(int year, int month, int day);
struct Civil {
  int year, month, day;
  int weekday;  // 0 Sunday
};
Civil civil_from_days(std::int64_t days);

}  // namespace waxwing::mail
