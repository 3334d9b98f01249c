#include "job_controller/delivery_window.h"

#include <catch2/catch.hpp>

#include <string>

using namespace waxwing::job_controller;

namespace {
constexpr int at(int day, int hour, int minute = 0) {  // day 0: Sunday
  return day * kMinutesADay + hour * 60 + minute;
}
bool open(const char* window, int minute) {
  const auto parsed = DeliveryWindow::parse(window);
  REQUIRE(parsed);
  return parsed->is_open(minute);
}
}  // namespace

TEST_CASE("delivery windows open and close") {
  struct Row {
    const char* window;
    int minute;
    bool open;
  };
  const Row rows[] = {
      {"20:00-06:00", at(3, 19, 59), false},
      {"20:00-06:00", at(3, 20), true},
      {"20:00-06:00", at(4, 5, 59), true},
      {"20:00-06:00", at(4, 6), false},
      {"20:00-06:00", at(6, 23), true},
      {"20:00-06:00", at(0, 1), true},
      {"mon-fri 18:00-24:00, sat-sun 00:00-24:00", at(1, 17), false},
      {"mon-fri 18:00-24:00, sat-sun 00:00-24:00", at(5, 18), true},
      {"mon-fri 18:00-24:00, sat-sun 00:00-24:00", at(6, 12), true},
      {"mon-fri 18:00-24:00, sat-sun 00:00-24:00", at(0, 12), true},
      {"SAT 22:00-02:00", at(0, 1), true},
      {"SAT 22:00-02:00", at(6, 1), false},
  };
  for (const auto& row : rows) {
    INFO(row.window << " at minute " << row.minute);
    CHECK(open(row.window, row.minute) == row.open);
  }
  CHECK(DeliveryWindow().is_open(0));
}

TEST_CASE("what is no delivery window is refused") {
  for (const char* bad :
       {"", " ", "20:00", "20:00-20:00", "25:00-26:00", "20:60-21:00", "2000-2100", "day 20:00-21:00",
        "mon- 20:00-21:00", "mon-fri", "20:00-21:00,,", "20:00-21:00 mon", "-1:00-02:00"}) {
    INFO(bad);
    CHECK_FALSE(DeliveryWindow::parse(bad));
  }
}

TEST_CASE("times of the day at which a job runs") {
  const auto often = DailyTimes::parse("00:30/02:00");
  REQUIRE(often);
  int runs = 0;
  for (int minute = 0; minute < kMinutesADay; ++minute) runs += often->is_due(minute) ? 1 : 0;
  CHECK(runs == 12);
  CHECK(often->is_due(30));
  CHECK(often->is_due(150));
  const auto once = DailyTimes::parse("23:05");
  REQUIRE(once);
  CHECK(once->is_due(23 * 60 + 5));
  CHECK_FALSE(once->is_due(5));
  for (const char* bad : {"", "24:00", "1:5", "00:30/", "00:30/00:00", "noon"}) {
    INFO(bad);
    CHECK_FALSE(DailyTimes::parse(bad));
  }
}

TEST_CASE("the minute of the week counts from Sunday") {
  // 1970-01-04 was a Sunday.
  const auto zone_minutes = local_minute_of_week(3 * 86400);
  CHECK((zone_minutes < kMinutesADay || zone_minutes > 6 * kMinutesADay));
  CHECK(local_minute_of_week(3 * 86400 + 60) == (zone_minutes + 1) % (7 * kMinutesADay));
}
