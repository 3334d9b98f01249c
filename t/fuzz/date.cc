// Dates of messages and of IMAP: what is read, written and read again stays the same.
#include "common/mail/date.h"

#include "t/fuzz/fuzz.h"

using namespace waxwing;

FUZZ_TARGET(date) {
  if (const auto date = mail::parse_date(input)) {
    const auto again = mail::parse_date(mail::format_date(date->utc_seconds, date->zone_minutes));
    MUST(again && *again == *date);
    const auto internal =
        mail::parse_internal_date(mail::format_internal_date(date->utc_seconds, date->zone_minutes));
    MUST(internal && *internal == *date);
    date->local_day();
  }
  if (const auto date = mail::parse_internal_date(input)) {
    const auto again =
        mail::parse_internal_date(mail::format_internal_date(date->utc_seconds, date->zone_minutes));
    MUST(again && *again == *date);
  }
  if (const auto day = mail::parse_imap_day(input)) {
    const auto civil = mail::civil_from_days(*day);
    MUST(mail::days_from_civil(civil.year, civil.month, civil.day) == *day);
  }
}
