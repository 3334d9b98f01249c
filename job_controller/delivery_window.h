// Times of the week and of the day, on this host's clock: when deliveries may be tried, when jobs run.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::job_controller {

constexpr int kMinutesADay = 24 * 60;

// Minutes since Sunday 00:00 in this host's zone.
int local_minute_of_week(std::int64_t wall_seconds);

// "20:00-06:00", "mon-fri 18:00-24:00, sat-sun 00:00-24:00": intervals, of every day unless days stand in front.
// The end does not belong to it; one that ends before it begins goes on into the next day. Default: always open.
class DeliveryWindow {
 public:
  DeliveryWindow() { open_.set(); }
  static Result<DeliveryWindow> parse(std::string_view text);
  bool is_open(int minute_of_week) const { return open_.test(static_cast<std::size_t>(minute_of_week)); }

 private:
  Result<> add(std::string_view interval);
  std::bitset<7 * kMinutesADay> open_;
};

// "00:30": once a day; "00:30/02:00": then every two hours till the end of the day.
class DailyTimes {
 public:
  static Result<DailyTimes> parse(std::string_view text);
  bool is_due(int minute_of_day) const;
  bool ever() const { return first_ >= 0; }

 private:
  int first_ = -1;  // minutes; -1: never
  int every_ = 0;   // 0: once a day
};

}  // namespace waxwing::job_controller
