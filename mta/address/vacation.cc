#include "mta/address/vacation.h"

#include <algorithm>
#include <limits>

#include "common/base/strings.h"
#include "common/mail/date.h"

namespace waxwing::mta {
namespace {

// Seconds since 1970; nothing when it is no date.
std::optional<std::int64_t> seconds_of(std::string_view text) {
  text = trim(text);
  if (text.ends_with('Z') || text.ends_with('z')) text.remove_suffix(1);
  for (const char c : text)
    if (!is_digit(c)) return std::nullopt;
  if (text.size() != 8 && text.size() != 12 && text.size() != 14) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t count) {
    return at < text.size() ? to_number<int>(text.substr(at, count)).value_or(0) : 0;
  };
  const int month = number(4, 2), day = number(6, 2), hour = number(8, 2);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 24) return std::nullopt;
  return mail::days_from_civil(number(0, 4), month, day) * 86400 + hour * 3600 + number(10, 2) * 60 +
         number(12, 2);
}

}  // namespace

bool is_within_vacation(const directory::User& user, std::int64_t now_seconds) {
  const auto start = user.entry.first("vacationStartDate"), end = user.entry.first("vacationEndDate");
  if (!start.empty() && now_seconds < seconds_of(start).value_or(std::numeric_limits<std::int64_t>::max()))
    return false;
  return end.empty() || now_seconds < seconds_of(end).value_or(0);
}

bool is_vacation_on(const directory::User& user, bool dates, std::int64_t now_seconds) {
  const bool echo = iequals(trim(user.entry.first("mailAutoReplyMode")), "echo");
  if (!echo && !user.entry.has("mailAutoReplyText") && !user.entry.has("mailAutoReplyTextInternal"))
    return false;
  return !dates || is_within_vacation(user, now_seconds);
}

bool answers_now(const directory::User& user, const DeliveryOptions& options, std::int64_t now_seconds) {
  return std::ranges::any_of(user.delivery_options, [&](const auto& name) {
    const auto* option = options.find(name);
    return option && option->autoreply && is_vacation_on(user, option->vacation_dates, now_seconds);
  });
}

}  // namespace waxwing::mta
