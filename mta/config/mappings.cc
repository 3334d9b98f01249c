#include "mta/config/mappings.h"

#include <algorithm>

namespace waxwing::mta {
namespace {

// By OwnTable.
constexpr std::string_view kOwnNames[] = {
    "PORT_ACCESS", "FROM_ACCESS", "ORIG_SEND_ACCESS", "SEND_ACCESS", "ORIG_MAIL_ACCESS",  "MAIL_ACCESS",
    "FORWARD",     "REVERSE",     "CONVERSIONS",      "ETRN_ACCESS", "CHARSET-CONVERSION"};
static_assert(std::size(kOwnNames) == static_cast<std::size_t>(OwnTable::count_));

// Cuts a row at the first blank that no $ quotes: pattern, rest.
std::pair<std::string_view, std::string_view> cut_row(std::string_view row) {
  std::size_t at = 0;
  while (at < row.size() && !is_blank(row[at])) at += row[at] == '$' ? 2 : 1;
  at = std::min(at, row.size());
  auto rest = row.substr(at);
  while (!rest.empty() && is_blank(rest[0])) rest.remove_prefix(1);
  // Trailing blanks go, but not one that a $ quotes.
  while (!rest.empty() && is_blank(rest.back()) && !(rest.size() > 1 && rest[rest.size() - 2] == '$'))
    rest.remove_suffix(1);
  return {row.substr(0, at), rest};
}

Result<MapRow> compile_row(const SourceLine& line, const MappingLimits& limits) {
  const auto [pattern, text] =
      cut_row(std::string_view(line.text).substr(line.text.find_first_not_of(" \t")));
  if (pattern.size() > limits.max_pattern_bytes)
    return permanent("pattern longer than " + std::to_string(limits.max_pattern_bytes) + " characters");
  if (text.size() > limits.max_joined_bytes)
    return permanent("template longer than " + std::to_string(limits.max_joined_bytes) + " characters");
  MapRow row;
  TRY(row.pattern, compile_pattern(pattern));
  TRY(row.steps, compile_map_template(text, limits.max_depth));
  row.pattern_text = std::string(pattern);
  row.template_text = std::string(text);
  row.where = line.where();
  return row;
}

void calls_in(const std::vector<MapStep>& steps, std::vector<std::string>& names) {
  for (const auto& step : steps) {
    if (step.kind == MapStep::Kind::table) names.push_back(step.text);
    calls_in(step.inner, names);
  }
}

}  // namespace

std::string_view name_of(OwnTable table) {
  return kOwnNames[static_cast<std::size_t>(table)];
}

const MappingTable* Mappings::table(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tables_[found->second];
}

Mappings Mappings::parse(const SourceSet& sources, std::string_view file, std::vector<std::string>& errors,
                         const MappingLimits& limits) {
  Mappings result;
  MappingTable* table = nullptr;
  for (const auto& line : read_lines(sources, file, sources.comment_marks(), errors)) {
    if (line.blank()) continue;
    const bool indented = is_blank(line.text[0]);
    const auto text = trim(line.text);
    if (indented && text[0] == '!') continue;
    if (!indented) {
      if (split_words(text).size() != 1) {
        errors.push_back(line.where() + ": \"" + printable(text, 60) +
                         "\" begins in column 1, so it should be a table name; indent rows by a blank");
        continue;
      }
      if (result.table(text))
        errors.push_back(line.where() + ": table " + printable(text) + " is there twice");
      result.by_name_[std::string(text)] = result.tables_.size();
      table = &result.tables_.emplace_back();
      table->name_ = std::string(text);
      table->where_ = line.where();
      continue;
    }
    if (!table) {
      errors.push_back(line.where() + ": a row before any table; put the table's name in column 1 above it");
      continue;
    }
    auto row = compile_row(line, limits);
    if (row)
      table->rows_.push_back(std::move(*row));
    else
      errors.push_back(line.where() + ": " + row.error().text);
  }
  for (std::size_t i = 0; i < std::size(kOwnNames); ++i)
    if (const auto found = result.by_name_.find(kOwnNames[i]); found != result.by_name_.end())
      result.own_[i] = found->second;
  for (const auto& each : result.tables_)
    for (const auto& row : each.rows()) {
      std::vector<std::string> names;
      calls_in(row.steps, names);
      for (const auto& name : names)
        if (!result.table(name))
          errors.push_back(row.where + ": $|" + printable(name) + ";...| calls a table that is not there");
    }
  return result;
}

}  // namespace waxwing::mta
