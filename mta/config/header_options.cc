#include "mta/config/header_options.h"

#include <algorithm>
#include <optional>

namespace waxwing::mta {

namespace {

bool is_field_name(std::string_view name) {
  return !name.empty() && name.size() < 78 &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 127 && c != ':'; });
}

struct NumberOption {
  std::string_view name;
  std::int64_t HeaderOption::*member;
};
constexpr NumberOption kNumbers[] = {{"MAXIMUM", &HeaderOption::maximum},
                                     {"MAXCHARS", &HeaderOption::max_chars},
                                     {"MAXLINES", &HeaderOption::max_lines}};
struct TextOption {
  std::string_view name;
  std::string HeaderOption::*member;
};
constexpr TextOption kTexts[] = {
    {"ADD", &HeaderOption::add}, {"FILL", &HeaderOption::fill}, {"RELABEL", &HeaderOption::relabel}};

// One NAME=value or NAME="value, with what it likes" from the front of rest.
std::optional<std::pair<std::string, std::string>> next_option(std::string_view& rest) {
  rest = trim(rest);
  const auto equals = rest.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  std::pair<std::string, std::string> option{std::string(trim(rest.substr(0, equals))), {}};
  rest = trim(rest.substr(equals + 1));
  if (rest.starts_with('"')) {
    const auto end = rest.find('"', 1);
    if (end == std::string_view::npos) return std::nullopt;
    option.second = rest.substr(1, end - 1);
    rest = trim(rest.substr(end + 1));
    if (rest.starts_with(',')) rest.remove_prefix(1);
    return option;
  }
  option.second = trim(take_until(rest, ','));
  return option;
}

// What is wrong with it; empty: nothing.
std::string take(HeaderOption& into, const std::string& name, const std::string& value) {
  for (const auto& [known, member] : kNumbers) {
    if (!iequals(known, name)) continue;
    const auto number = to_number<std::int64_t>(value);
    if (!number) return name + " takes a number, not \"" + printable(value) + "\"";
    into.*member = *number;
    return {};
  }
  for (const auto& [known, member] : kTexts) {
    if (!iequals(known, name)) continue;
    if (iequals(known, "RELABEL") && !is_field_name(value))
      return "RELABEL takes the name of a header field, not \"" + printable(value) + "\"";
    into.*member = value;
    return {};
  }
  return "unknown option \"" + printable(name) +
         "\"; there are MAXIMUM, MAXCHARS, MAXLINES, ADD, FILL, RELABEL";
}

}  // namespace

const HeaderOption& HeaderOptions::of(std::string_view name) const {
  const auto found = fields.find(to_lower(name));
  return found == fields.end() ? defaults : found->second;
}

HeaderOptions parse_header_options(std::string_view text, const std::string& origin,
                                   std::vector<std::string>& errors) {
  HeaderOptions options;
  for (int number = 1; !text.empty(); ++number) {
    const auto line = trim(take_until(text, '\n'));
    const auto error = [&](const std::string& what) {
      errors.push_back(origin + ":" + std::to_string(number) + ": " + what);
    };
    if (line.empty() || line.front() == '!') continue;
    const auto colon = line.find(':');
    const auto name = trim(line.substr(0, colon));
    if (colon == std::string_view::npos || !is_field_name(name)) {
      error("a line is the name of a header field, a colon, and options: X-Mailer: MAXIMUM=-1");
      continue;
    }
    auto& into = iequals(name, "Defaults") ? options.defaults : options.fields[to_lower(name)];
    for (auto rest = line.substr(colon + 1); !trim(rest).empty();) {
      const auto option = next_option(rest);
      if (!option) {
        error("options are NAME=value, with commas between them");
        break;
      }
      if (const auto wrong = take(into, option->first, option->second); !wrong.empty()) error(wrong);
    }
  }
  return options;
}

}  // namespace waxwing::mta
