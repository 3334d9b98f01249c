#include "job_controller/delivery_window.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/strings.h"
#include "common/mail/date.h"

namespace waxwing::job_controller {

namespace {
constexpr int kMinutesAWeek = 7 * kMinutesADay;
constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

// "24:00" is the end of the day.
std::optional<int> parse_clock(std::string_view text) {
  text = trim(text);
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.size() != colon + 3) return std::nullopt;
  const auto hours = to_number<int>(text.substr(0, colon));
  const auto minutes = to_number<int>(text.substr(colon + 1));
  if (!hours || !minutes || *hours < 0 || *minutes < 0 || *minutes > 59) return std::nullopt;
  const int all = *hours * 60 + *minutes;
  return all <= kMinutesADay ? std::optional(all) : std::nullopt;
}

std::optional<int> parse_day(std::string_view text) {
  const auto at = std::ranges::find(kDays, to_lower(trim(text)));
  return at == kDays.end() ? std::nullopt : std::optional(static_cast<int>(at - kDays.begin()));
}

template <class T>
std::optional<std::pair<T, T>> parse_range(std::string_view text, std::optional<T> (*one)(std::string_view)) {
  const auto dash = text.find('-');
  const auto first = one(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : one(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  return std::pair(*first, *last);
}
}  // namespace

int local_minute_of_week(std::int64_t wall_seconds) {
  const auto local = wall_seconds + std::int64_t{60} * mail::local_zone_minutes(wall_seconds);
  constexpr int kThursday = 4;  // 1970-01-01
  return static_cast<int>((local / 60 + kThursday * kMinutesADay) % kMinutesAWeek);
}

Result<> DeliveryWindow::add(std::string_view interval) {
  const auto blank = interval.find_last_of(" \t");
  const auto hours =
      parse_range<int>(blank == std::string_view::npos ? interval : interval.substr(blank + 1), &parse_clock);
  const auto days = blank == std::string_view::npos
                        ? std::pair(0, 6)
                        : parse_range<int>(interval.substr(0, blank), &parse_day).value_or(std::pair(-1, -1));
  if (!hours || hours->first == hours->second || days.first < 0)
    return permanent("want a delivery window like 20:00-06:00 or mon-fri 18:00-24:00: " +
                     printable(interval));
  int minutes = hours->second - hours->first;
  if (minutes < 0) minutes += kMinutesADay;
  for (int day = days.first;; day = (day + 1) % 7) {
    for (int minute = 0; minute < minutes; ++minute)
      open_.set(static_cast<std::size_t>((day * kMinutesADay + hours->first + minute) % kMinutesAWeek));
    if (day == days.second) return {};
  }
}

Result<DeliveryWindow> DeliveryWindow::parse(std::string_view text) {
  DeliveryWindow window;
  window.open_.reset();
  for (auto rest = text; !rest.empty();) {
    const auto interval = trim(take_until(rest, ','));
    TRY_VOID(window.add(interval));
  }
  if (window.open_.none()) return permanent("a delivery window that is never open keeps its mail for ever");
  return window;
}

Result<DailyTimes> DailyTimes::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto first = parse_clock(text.substr(0, slash));
  const auto every = slash == std::string_view::npos ? std::optional(0) : parse_clock(text.substr(slash + 1));
  if (!first || *first == kMinutesADay || !every || (slash != std::string_view::npos && *every == 0))
    return permanent("want a time like 00:30, or 00:30/02:00 for every two hours from then on: " +
                     printable(text));
  DailyTimes times;
  times.first_ = *first;
  times.every_ = *every;
  return times;
}

bool DailyTimes::is_due(int minute_of_day) const {
  if (first_ < 0 || minute_of_day < first_) return false;
  return every_ == 0 ? minute_of_day == first_ : (minute_of_day - first_) % every_ == 0;
}

}  // namespace waxwing::job_controller
