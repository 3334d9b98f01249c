#include "common/mail/date.h"

#include <catch2/catch.hpp>

using namespace waxwing::mail;

namespace {
std::string utc(std::string_view text) {
  const auto date = parse_date(text);
  return date ? format_date(date->utc_seconds, 0) : "none";
}
}  // namespace

TEST_CASE("dates as mail writes them") {
  struct Row {
    const char* in;
    const char* out;
  };
  const Row rows[] = {
      {"Sun, 22 Nov 2026 04:10:00 +0000", "Sun, 22 Nov 2026 04:10:00 +0000"},
      {"Sun, 22 Nov 2026 04:10:00 +0200 (EET)", "Sun, 22 Nov 2026 02:10:00 +0000"},
      {"22 Nov 2026 04:10 -0530", "Sun, 22 Nov 2026 09:40:00 +0000"},
      {"Sun,\r\n 22 Nov\r\n\t2026 04:10:00 GMT", "Sun, 22 Nov 2026 04:10:00 +0000"},
      {"Mon, 1 Jan 70 00:00:00 EST", "Thu, 01 Jan 1970 05:00:00 +0000"},
      {"1 Feb 04 10:00:00 +0000", "Sun, 01 Feb 2004 10:00:00 +0000"},
      {"1 Feb 104 10:00:00 +0000", "Sun, 01 Feb 2004 10:00:00 +0000"},
      {"Sun Nov 22 04:10:00 2026", "Sun, 22 Nov 2026 04:10:00 +0000"},
      {"Sun Nov 22 04:10:00 CET 2026", "Sun, 22 Nov 2026 03:10:00 +0000"},
      {"22-Nov-2026 04:10:00 +0100", "Sun, 22 Nov 2026 03:10:00 +0000"},
      {"2026-11-22 04:10:00 +0100", "Sun, 22 Nov 2026 03:10:00 +0000"},
      {"Sun, 22 Nov 2026 04:10:00 GMT+0100", "Sun, 22 Nov 2026 03:10:00 +0000"},
      {"Sun, 22 Nov 2026 04:10:00 +01:00", "Sun, 22 Nov 2026 03:10:00 +0000"},
      {"Sun, 22 (a (nested \\) one)) Nov 2026 04:10:60 A", "Sun, 22 Nov 2026 04:10:59 +0000"},
      {"Sun, 22 Nov 2026 4:10:00 PM +0000", "Sun, 22 Nov 2026 16:10:00 +0000"},
      {"29 Feb 2024 00:00:00 +0000", "Thu, 29 Feb 2024 00:00:00 +0000"},
  };
  for (const auto& row : rows) {
    INFO(row.in);
    CHECK(utc(row.in) == row.out);
  }
}

TEST_CASE("what is no date is none") {
  for (const char* bad :
       {"", "yesterday", "32 Nov 2026 00:00:00 +0000", "29 Feb 2023 00:00 +0000", "22 Nov 2026",
        "22 Nov 2026 25:00:00", "22 Nov 2026 00:61:00", "99999999999999999999 Nov 2026 1:1:1",
        "1 Foo 2026 00:00:00", "((((", "\\", "1 Jan 0 00:00:99"}) {
    INFO(bad);
    CHECK_FALSE(parse_date(bad));
  }
  CHECK_FALSE(parse_date(std::string(100000, '(')));
}

TEST_CASE("the usual form and the patient reader agree") {
  // A comment in front is read patiently only.
  const auto both = [](const std::string& text) {
    INFO(text);
    CHECK(parse_date(text) == parse_date("(x) " + text));
    return parse_date(text).has_value();
  };
  for (std::int64_t seconds = -2'000'000'000; seconds < 4'000'000'000; seconds += 7'654'321)
    for (const int zone : {0, 90, -330, 839, -720}) CHECK(both(format_date(seconds, zone)));
  const std::string usual = "Sun, 22 Nov 2026 04:10:00 +0200";
  for (std::size_t at = 0; at < usual.size(); ++at)
    for (const char c : std::string("0129 :,-+aN(")) {
      auto text = usual;
      text[at] = c;
      both(text);
      both(text.substr(5));
      both(text.substr(0, at) + c + text.substr(at));
      both(text.substr(0, at) + text.substr(at + 1));
    }
  for (const char* text :
       {"2 Nov 2026 04:10:00 +0000", "31 Jun 2026 04:10:00 +0000", "1 Jan 1899 00:00:00 -2359",
        "1 Jan 0099 00:00:00 +0000", "9 anF 2026 00:00:00 +0000"})
    both(text);
}

TEST_CASE("every cut of a date is answered without harm") {
  const std::string text = "Sun, 22 Nov 2026 04:10:00.123 +0200 (EET (x))";
  for (std::size_t i = 0; i <= text.size(); ++i) parse_date(text.substr(0, i));
  for (int c = 0; c < 256; ++c) parse_date("1 Jan 2026 00:00:0" + std::string(1, static_cast<char>(c)));
}

TEST_CASE("the sender's day, whatever UTC says") {
  const auto date = parse_date("Sun, 22 Nov 2026 00:30:00 +0200");
  REQUIRE(date);
  CHECK(date->local_day() == days_from_civil(2026, 11, 22));
  CHECK(date->zone_minutes == 120);
  CHECK(DateTime{-1, 0}.local_day() == -1);
}

TEST_CASE("calendar arithmetic goes both ways") {
  for (std::int64_t day = -719162; day < 2932896; day += 97) {
    const auto c = civil_from_days(day);
    REQUIRE(days_from_civil(c.year, c.month, c.day) == day);
  }
  CHECK(civil_from_days(0).weekday == 4);
}

TEST_CASE("IMAP internal dates are strict") {
  CHECK(format_internal_date(1795320600) == "22-Nov-2026 04:10:00 +0000");
  CHECK(format_internet_date(1795320600) == "2026-11-22T04:10:00Z");
  CHECK(format_internet_date(-1) == "1969-12-31T23:59:59Z");
  CHECK(format_internal_date(0, -90) == "31-Dec-1969 22:30:00 -0130");
  CHECK(format_internal_date(86400) == " 2-Jan-1970 00:00:00 +0000");
  for (const char* good :
       {" 2-Jan-1970 00:00:00 +0000", "2-Jan-1970 00:00:00 +0000", "02-jan-1970 01:00:00 +0100"}) {
    const auto date = parse_internal_date(good);
    REQUIRE(date);
    CHECK(date->utc_seconds == 86400);
  }
  for (const char* bad :
       {"", "2-Jan-1970", " 2-Jan-1970 00:00:00", "2-Jan-70 00:00:00 +0000", "2-Foo-1970 00:00:00 +0000",
        "30-Feb-1970 00:00:00 +0000", "0-Jan-1970 00:00:00 +0000", "--2-Jan-1970 00:00:00 +000",
        "2-Jan-1970 24:00:00 +0000", "2-Jan-1970 00:00:00 *0000", "+2-Jan-1970 00:00:00 +0000"}) {
    INFO(bad);
    CHECK_FALSE(parse_internal_date(bad));
  }
}

TEST_CASE("IMAP days") {
  CHECK(parse_imap_day("1-Feb-1994") == days_from_civil(1994, 2, 1));
  CHECK(parse_imap_day("01-FEB-1994") == days_from_civil(1994, 2, 1));
  for (const char* bad :
       {"", "1-2-1994", "1-Feb-94", "-1-Feb-1994", "31-Feb-1994", "1-Feb-1994 ", "+1-Feb-1994"})
    CHECK_FALSE(parse_imap_day(bad));
}
