#include "channels/conversion/options_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/base/strings.h"
#include "common/mail/header.h"

namespace waxwing::channels {

namespace {

struct NameRow {
  std::string_view name;
  std::string PartOptions::*field;
};
constexpr NameRow kNames[] = {
    {"OUTPUT_TYPE", &PartOptions::type},
    {"OUTPUT_SUBTYPE", &PartOptions::subtype},
    {"OUTPUT_DESCRIPTION", &PartOptions::description},
    {"OUTPUT_DISPOSITION", &PartOptions::disposition},
    {"OUTPUT_ENCODING", &PartOptions::encoding},
    {"OUTPUT_MODE", &PartOptions::mode},
    {"OUTPUT_DIAGNOSTIC", &PartOptions::diagnostic},
};

struct StatusRow {
  std::string_view name;
  PartStatus status;
};
constexpr StatusRow kStatuses[] = {
    {"0", PartStatus::done},
    {"FORCERETURN", PartStatus::returned},
    {"FORCEDELETE", PartStatus::removed},
    {"FORCEHOLD", PartStatus::held},
    {"FORCEDISCARD", PartStatus::discarded},
    {"NOCHANGE", PartStatus::unchanged},
};

std::string_view unquoted(std::string_view value) {
  value = trim(value);
  const bool quoted =
      value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.front() == value.back();
  return quoted ? value.substr(1, value.size() - 2) : value;
}

std::optional<PartStatus> status_of(std::string_view word) {
  if (istarts_with(word, "PMDF__")) word.remove_prefix(6);
  for (const auto& row : kStatuses)
    if (iequals(row.name, word)) return row.status;
  return std::nullopt;
}

}  // namespace

Result<PartOptions> parse_part_options(std::string_view text) {
  PartOptions options;
  for (int number = 1; !text.empty(); ++number) {
    const auto line = trim(take_until(text, '\n'));
    if (line.empty() || line[0] == '#' || line[0] == '!') continue;
    const auto equals = line.find('=');
    const auto name = trim(line.substr(0, equals));
    const auto value = equals == line.npos ? std::string_view() : unquoted(line.substr(equals + 1));
    if (iequals(name, "STATUS")) {
      const auto status = status_of(value);
      if (!status)
        return permanent(
            fmt::format("OUTPUT_OPTIONS:{}: no STATUS is called {}", number, printable(value, 40)));
      options.status = *status;
      continue;
    }
    const auto* row =
        std::ranges::find_if(kNames, [&](const auto& each) { return iequals(each.name, name); });
    if (row == std::end(kNames) || equals == line.npos)
      return permanent(fmt::format("OUTPUT_OPTIONS:{}: nothing is called {}", number, printable(name, 40)));
    options.*row->field = mail::unfold(value.substr(0, 1000));
  }
  return options;
}

}  // namespace waxwing::channels
