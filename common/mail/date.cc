#include "common/mail/date.h"

#include <time.h>

#include <fmt/format.h>

#include <array>
#include <cstdio>

#include "common/base/strings.h"

namespace waxwing::mail {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

int month_number(std::string_view word) {
  if (word.size() < 3) return 0;
  for (std::size_t i = 0; i < kMonths.size(); ++i)
    if (iequals(word.substr(0, 3), kMonths[i])) return static_cast<int>(i) + 1;
  return 0;
}

bool is_leap(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int days_in_month(int year, int month) {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

struct Fields {
  int year = -1, month = 0, day = 0, hour = -1, minute = 0, second = 0;
  int zone_minutes = 0;
  bool zone_seen = false;
};

std::optional<DateTime> assemble(Fields f) {
  if (f.year < 1 || f.year > 9999 || f.month < 1 || f.day < 1 || f.day > days_in_month(f.year, f.month))
    return std::nullopt;
  if (f.hour < 0 || f.hour > 23 || f.minute > 59 || f.second > 60) return std::nullopt;
  if (f.second == 60) f.second = 59;
  const std::int64_t local =
      days_from_civil(f.year, f.month, f.day) * 86400 + f.hour * 3600 + f.minute * 60 + f.second;
  return DateTime{local - f.zone_minutes * 60LL, f.zone_minutes};
}

// "+hhmm" or "-hhmm" after its sign; nothing when out of range.
std::optional<int> zone_offset(char sign, std::string_view digits) {
  if (digits.size() != 4) return std::nullopt;
  const auto number = to_number<int>(digits);
  if (!number || *number % 100 > 59 || *number / 100 > 23) return std::nullopt;
  const int minutes = *number / 100 * 60 + *number % 100;
  return sign == '-' ? -minutes : minutes;
}

std::optional<int> named_zone(std::string_view word) {
  struct Zone {
    std::string_view name;
    int hours;
  };
  constexpr Zone zones[] = {{"GMT", 0},  {"UT", 0},   {"UTC", 0},  {"Z", 0},    {"EST", -5}, {"EDT", -4},
                            {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7},
                            {"CET", 1},  {"MET", 1},  {"CEST", 2}, {"MEST", 2}, {"JST", 9},  {"BST", 1}};
  for (const auto& zone : zones)
    if (iequals(word, zone.name)) return zone.hours * 60;
  return std::nullopt;
}

// Words of a date: numbers, names and signs, comments skipped.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : text_(text.substr(0, 1000)) {}

  std::optional<DateTime> read() {
    while (skip_to_word()) {
      const char c = text_[at_];
      bool good = true;
      if (is_digit(c)) {
        good = number();
      } else if (is_alpha(c)) {
        name();
      } else if ((c == '+' || c == '-') && fields_.hour >= 0) {
        good = zone();
      } else {
        ++at_;  // comma, dash, slash, dot and rubbish
      }
      if (!good) return std::nullopt;
    }
    return assemble(fields_);
  }

 private:
  std::string_view digits() {
    const auto start = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  bool skip_to_word() {
    unsigned depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\\' && depth > 0) {
        ++at_;
      } else if (c == '(') {
        ++depth;
      } else if (c == ')' && depth > 0) {
        --depth;
      } else if (depth == 0 && !is_blank(c) && c != '\r' && c != '\n') {
        return true;
      }
    }
    return false;
  }

  bool number() {
    const auto text = digits();
    const auto value = to_number<int>(text);
    if (!value || text.size() > 4) return false;
    if (at_ < text_.size() && text_[at_] == ':' && fields_.hour < 0) return clock(*value);
    // "2026-11-22": a four-digit number is the year wherever it stands.
    if (fields_.day == 0 && text.size() <= 2) {
      fields_.day = *value;
    } else if (fields_.month == 0 && text.size() <= 2 && fields_.year >= 0) {
      fields_.month = fields_.day, fields_.day = *value;  // year-month-day in digits
      if (fields_.month > 12) return false;
    } else if (fields_.year < 0) {
      fields_.year = text.size() <= 2   ? *value + (*value < 50 ? 2000 : 1900)
                     : text.size() == 3 ? *value + 1900
                                        : *value;
    }
    return true;
  }

  bool clock(int hour) {
    fields_.hour = hour;
    int* parts[] = {&fields_.minute, &fields_.second};
    for (int* part : parts) {
      if (at_ >= text_.size() || text_[at_] != ':') break;
      ++at_;
      const auto value = to_number<int>(digits());
      if (!value) return false;
      *part = *value;
    }
    if (at_ < text_.size() && text_[at_] == '.') ++at_, digits();  // fractions of a second
    return true;
  }

  void name() {
    const auto start = at_;
    while (at_ < text_.size() && is_alpha(text_[at_])) ++at_;
    const auto word = text_.substr(start, at_ - start);
    const int month = fields_.month == 0 ? month_number(word) : 0;
    if (month != 0) {
      fields_.month = month;
    } else if (fields_.hour >= 0 && !fields_.zone_seen) {
      if (iequals(word, "PM") && fields_.hour < 12) {
        fields_.hour += 12;
      } else if (iequals(word, "AM") && fields_.hour == 12) {
        fields_.hour = 0;
      } else if (const auto minutes = named_zone(word)) {
        fields_.zone_minutes = *minutes;  // "GMT+0100" may still add its digits
      }
    }
  }

  bool zone() {
    const char sign = text_[at_++];
    auto text = digits();
    std::string joined(text);
    if (text.size() == 2 && at_ < text_.size() && text_[at_] == ':') {  // "+01:00"
      ++at_;
      joined += digits();
    }
    if (fields_.zone_seen || joined.empty()) return true;
    if (joined.size() == 4 && fields_.year < 0 && sign == '-') {  // "22:10:00-2026": a dash, no zone
      fields_.year = *to_number<int>(joined);
      return true;
    }
    const auto minutes = zone_offset(sign, joined);
    fields_.zone_seen = true;
    if (minutes) fields_.zone_minutes = *minutes;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Fields fields_;
};

std::string format_zone(int zone_minutes) {
  const int absolute = zone_minutes < 0 ? -zone_minutes : zone_minutes;
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%c%02d%02d", zone_minutes < 0 ? '-' : '+', absolute / 60 % 100,
                absolute % 60);
  return buffer;
}

struct Clock {
  Civil day;
  int hour, minute, second;
};

Clock clock_of(std::int64_t utc_seconds, int zone_minutes) {
  const std::int64_t local = utc_seconds + zone_minutes * 60LL;
  std::int64_t days = local / 86400;
  int rest = static_cast<int>(local % 86400);
  if (rest < 0) rest += 86400, --days;
  return {civil_from_days(days), rest / 3600, rest / 60 % 60, rest % 60};
}

}  // namespace

std::int64_t days_from_civil(int year, int month, int day) {
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

Civil civil_from_days(std::int64_t days) {
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t day_of_era = z - era * 146097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t mp = (5 * day_of_year + 2) / 153;
  const int month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  const int year = static_cast<int>(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
  const int weekday = static_cast<int>(((days + 4) % 7 + 7) % 7);
  return {year, month, static_cast<int>(day_of_year - (153 * mp + 2) / 5 + 1), weekday};
}

std::int64_t DateTime::local_day() const {
  const std::int64_t local = utc_seconds + zone_minutes * 60LL;
  return local >= 0 ? local / 86400 : (local - 86399) / 86400;
}

namespace {
// "[Sun, ]22 Nov 2026 04:10:00 +0200" and nothing else: what nearly all mail has, without the reader's
// patience. SORT and SEARCH read one for each message.
std::optional<DateTime> usual_date(std::string_view text) {
  constexpr std::string_view kForm = "00 Aaa 0000 00:00:00 +0000";
  const bool weekday = text.size() > 5 && is_alpha(text[0]) && is_alpha(text[1]) && is_alpha(text[2]);
  if (weekday && text[3] == ',' && text[4] == ' ') text.remove_prefix(5);
  const bool short_day = text.size() + 1 == kForm.size();
  if (!short_day && text.size() != kForm.size()) return std::nullopt;
  const auto at = [&](std::size_t n) { return short_day ? (n == 0 ? '0' : text[n - 1]) : text[n]; };
  for (std::size_t n = 0; n < kForm.size(); ++n) {
    const char form = kForm[n];
    if (form == '0' ? !is_digit(at(n)) : (form == ' ' || form == ':') && at(n) != form) return std::nullopt;
  }
  const auto two = [&](std::size_t n) { return (at(n) - '0') * 10 + at(n + 1) - '0'; };
  if ((at(21) != '+' && at(21) != '-') || two(24) > 59 || two(22) > 23 || two(7) < 19) return std::nullopt;
  const auto months = std::string_view("JanFebMarAprMayJunJulAugSepOctNovDec");
  const auto month = months.find(text.substr(short_day ? 2 : 3, 3));
  if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
  const int zone = two(22) * 60 + two(24);
  return assemble({.year = two(7) * 100 + two(9),
                   .month = static_cast<int>(month / 3) + 1,
                   .day = two(0),
                   .hour = two(12),
                   .minute = two(15),
                   .second = two(18),
                   .zone_minutes = at(21) == '-' ? -zone : zone,
                   .zone_seen = true});
}
}  // namespace

std::optional<DateTime> parse_date(std::string_view value) {
  if (const auto usual = usual_date(value)) return usual;
  return DateReader(value).read();
}

std::string format_date(std::int64_t utc_seconds, int zone_minutes) {
  const auto c = clock_of(utc_seconds, zone_minutes);
  // Every message gets one in Received:. By hand: snprintf takes ten times as long.
  std::string text;
  text.reserve(40);
  const auto two = [&](int number) {
    text.push_back(static_cast<char>('0' + number / 10 % 10));
    text.push_back(static_cast<char>('0' + number % 10));
  };
  text.append(kDays[c.day.weekday]).append(", ");
  two(c.day.day);
  text.append(" ").append(kMonths[c.day.month - 1]).append(" ");
  if (c.day.year >= 0 && c.day.year <= 9999) {
    two(c.day.year / 100);
    two(c.day.year);
  } else {
    text.append(std::to_string(c.day.year));
  }
  text.push_back(' ');
  two(c.hour);
  text.push_back(':');
  two(c.minute);
  text.push_back(':');
  two(c.second);
  return text.append(" ").append(format_zone(zone_minutes));
}

int local_zone_minutes(std::int64_t utc_seconds) {
  // All messages of a second ask for the same.
  thread_local std::optional<std::int64_t> last;
  thread_local int zone_minutes = 0;
  if (last == utc_seconds) return zone_minutes;
  const time_t when = utc_seconds;
  tm parts{};
  localtime_r(&when, &parts);
  last = utc_seconds;
  return zone_minutes = static_cast<int>(parts.tm_gmtoff / 60);
}

std::string format_local_date(std::int64_t utc_seconds) {
  return format_date(utc_seconds, local_zone_minutes(utc_seconds));
}

std::string format_internal_date(std::int64_t utc_seconds, int zone_minutes) {
  const auto c = clock_of(utc_seconds, zone_minutes);
  // FETCH writes one for each message: by hand, since snprintf takes ten times as long.
  std::string text = "dd-Mon-yyyy hh:mm:ss +hhmm";
  const auto put = [&](std::size_t at, int number) {
    text[at] = static_cast<char>('0' + number / 10 % 10);
    text[at + 1] = static_cast<char>('0' + number % 10);
  };
  const int zone = zone_minutes < 0 ? -zone_minutes : zone_minutes;
  put(0, c.day.day);
  if (text[0] == '0') text[0] = ' ';
  text.replace(3, 3, kMonths[static_cast<std::size_t>(c.day.month - 1)]);
  put(7, c.day.year / 100);
  put(9, c.day.year % 100);
  put(12, c.hour);
  put(15, c.minute);
  put(18, c.second);
  text[21] = zone_minutes < 0 ? '-' : '+';
  put(22, zone / 60);
  put(24, zone % 60);
  return text;
}

std::optional<DateTime> parse_internal_date(std::string_view text) {
  if (text.size() == 26 && text[0] == ' ') text.remove_prefix(1);
  if (text.size() == 25) {
    if (!is_digit(text[0]) || text[1] != '-') return std::nullopt;
  } else if (text.size() != 26) {
    return std::nullopt;
  }
  const auto day_text = take_until(text, '-');
  if (text.size() != 23) return std::nullopt;
  // Mon-yyyy hh:mm:ss +zzzz
  constexpr std::string_view shape = "aaa-0000 00:00:00 s0000";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const char c = text[i];
    const bool good = shape[i] == 'a'   ? is_alpha(c)
                      : shape[i] == '0' ? is_digit(c)
                      : shape[i] == 's' ? c == '+' || c == '-'
                                        : c == shape[i];
    if (!good) return std::nullopt;
  }
  const auto day = to_number<int>(day_text);
  const auto zone = zone_offset(text[18], text.substr(19));
  if (!day || *day < 1 || !zone) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    return *to_number<int>(text.substr(at, size));
  };
  return assemble({.year = number(4, 4),
                   .month = month_number(text.substr(0, 3)),
                   .day = *day,
                   .hour = number(9, 2),
                   .minute = number(12, 2),
                   .second = number(15, 2),
                   .zone_minutes = *zone});
}

namespace {
// Digits stand for themselves in shape, '0' for any digit.
bool has_shape(std::string_view text, std::string_view shape) {
  if (text.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == '0' ? !is_digit(text[i]) : text[i] != shape[i]) return false;
  return true;
}

// "Z", "+01:00".
std::optional<int> internet_zone(std::string_view text) {
  if (iequals(text, "Z")) return 0;
  if (text.empty() || !has_shape(text.substr(1), "00:00")) return std::nullopt;
  return zone_offset(text[0], std::string(text.substr(1, 2)).append(text.substr(4, 2)));
}
}  // namespace

std::optional<DateTime> parse_internet_date(std::string_view text) {
  std::string moment(text.substr(0, 19));
  if (moment.size() == 19 && (moment[10] == 't' || moment[10] == ' ')) moment[10] = 'T';
  if (!has_shape(moment, "0000-00-00T00:00:00")) return std::nullopt;
  text.remove_prefix(19);
  if (text.starts_with('.')) {
    const auto end = text.find_first_not_of("0123456789", 1);
    if (end == 1 || end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(end);
  }
  const auto zone = internet_zone(text);
  if (!zone) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    return *to_number<int>(std::string_view(moment).substr(at, size));
  };
  return assemble({.year = number(0, 4),
                   .month = number(5, 2),
                   .day = number(8, 2),
                   .hour = number(11, 2),
                   .minute = number(14, 2),
                   .second = number(17, 2),
                   .zone_minutes = *zone});
}

std::string format_internet_date(std::int64_t utc_seconds) {
  constexpr std::int64_t kDay = 86400;
  const auto days = (utc_seconds >= 0 ? utc_seconds : utc_seconds - kDay + 1) / kDay;
  const auto civil = civil_from_days(days);
  const auto second = utc_seconds - days * kDay;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", civil.year, civil.month, civil.day,
                     second / 3600, second / 60 % 60, second % 60);
}

std::optional<std::int64_t> parse_imap_day(std::string_view text) {
  const auto pieces = split(text, '-');
  if (pieces.size() != 3 || pieces[0].empty() || pieces[0].size() > 2 || pieces[1].size() != 3 ||
      pieces[2].size() != 4)
    return std::nullopt;
  const auto day = to_number<unsigned>(pieces[0]), year = to_number<unsigned>(pieces[2]);
  const int month = month_number(pieces[1]);
  if (!day || !year || month == 0 || *year < 1) return std::nullopt;
  const int y = static_cast<int>(*year), d = static_cast<int>(*day);
  if (d < 1 || d > days_in_month(y, month)) return std::nullopt;
  return days_from_civil(y, month, d);
}

}  // namespace waxwing::mail
