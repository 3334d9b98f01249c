#include "imapd/fetch/cached_fields.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::imap {
namespace {

// The first field with its line end, folds included; taken from the front.
std::string_view take_field(std::string_view& lines) {
  std::size_t end = 0;
  do {
    const auto newline = lines.find('\n', end);
    end = newline == std::string_view::npos ? lines.size() : newline + 1;
  } while (end < lines.size() && is_blank(lines[end]));
  const auto field = lines.substr(0, end);
  lines.remove_prefix(end);
  return field;
}

}  // namespace

std::optional<std::string_view> next_field(std::string_view& lines, std::string_view name) {
  while (!lines.empty()) {
    auto field = take_field(lines);
    if (!istarts_with(field, name)) continue;
    field.remove_prefix(name.size());
    while (!field.empty() && is_blank(field.front())) field.remove_prefix(1);
    if (!field.starts_with(':')) continue;
    field.remove_prefix(1);
    if (field.ends_with('\n')) field.remove_suffix(1);
    if (field.ends_with('\r')) field.remove_suffix(1);
    while (!field.empty() && is_blank(field.front())) field.remove_prefix(1);
    return field;
  }
  return std::nullopt;
}

std::string select_cached_fields(std::string_view lines, std::span<const std::string> names) {
  std::string out;
  while (!lines.empty()) {
    const auto field = take_field(lines);
    auto name = field.substr(0, field.find(':'));
    while (!name.empty() && is_blank(name.back())) name.remove_suffix(1);
    if (std::ranges::none_of(names, [&](const auto& wanted) { return iequals(name, wanted); })) continue;
    out += field;
    if (!field.ends_with('\n')) out += "\r\n";
  }
  return out += "\r\n";
}

}  // namespace waxwing::imap
