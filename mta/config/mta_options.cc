#include "mta/config/mta_options.h"

#include <algorithm>
#include <charconv>

#include "common/base/strings.h"

namespace waxwing::mta {
namespace {

using enum MtaOptionSpec::Type;

// Words of the table.
constexpr bool needless = true, filters = false;

constexpr MtaOptionSpec kTable[] = {
#define MTA_OPTION(name, type, fallback, state, help) {Opt::name, #name, type, fallback, state, help},
#include "mta/config/mta_options.inc"
#undef MTA_OPTION
};

// "12", "-1", or radix%digits: "16%ff".
std::optional<std::int64_t> parse_number(std::string_view text) {
  const auto percent = text.find('%');
  if (percent == text.npos) return to_number<std::int64_t>(text);
  const auto radix = to_number<int>(text.substr(0, percent));
  if (!radix || *radix < 2 || *radix > 36) return std::nullopt;
  return to_number<std::int64_t>(text.substr(percent + 1), *radix);
}

// Families of options whose members are too many to declare one by one.
bool known_family(std::string_view name) {
  for (const auto* prefix : {"LDAP_", "SPAMFILTER", "LMTP_", "PIPE_", "MAX_X400_"})
    if (istarts_with(name, prefix)) return true;
  return false;
}

// The declared name that shares the longest beginning with what was written.
std::string_view nearest(std::string_view name) {
  std::string_view best = kTable[0].name;
  std::size_t most = 0;
  for (const auto& spec : kTable) {
    std::size_t same = 0;
    while (same < name.size() && same < spec.name.size() && upper(name[same]) == spec.name[same]) ++same;
    if (same > most) most = same, best = spec.name;
  }
  return best;
}

}  // namespace

const MtaOptionSpec* find_mta_option(std::string_view name) {
  const auto found = std::ranges::find_if(kTable, [&](const auto& spec) { return iequals(spec.name, name); });
  return found == std::end(kTable) ? nullptr : found;
}

MtaOptions::MtaOptions() {
  for (const auto& spec : kTable) {
    const auto at = static_cast<std::size_t>(spec.id);
    texts_[at] = std::string(spec.fallback);
    if (spec.type == MtaOptionSpec::Type::number) numbers_[at] = parse_number(spec.fallback).value_or(0);
  }
}

std::optional<double> MtaOptions::share(Opt option) const {
  const auto& value = text(option);
  double number = 0;
  const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool good = fault == std::errc() && end == value.data() + value.size() && number >= 0 && number <= 1;
  return good ? std::optional(number) : std::nullopt;
}

MtaOptions MtaOptions::parse(const SourceSet& sources, std::string_view file,
                             std::vector<std::string>& errors, std::vector<std::string>& warnings) {
  MtaOptions result;
  for (const auto& line : read_lines(sources, file, "!#;", errors)) {
    if (line.blank()) continue;
    const auto equals = line.text.find('=');
    const auto name = trim(std::string_view(line.text).substr(0, equals));
    const auto value =
        equals == std::string::npos ? "" : trim(std::string_view(line.text).substr(equals + 1));
    if (equals == std::string::npos || name.empty()) {
      errors.push_back(line.where() + ": expected OPTION=value, found \"" + printable(line.text, 60) + "\"");
      continue;
    }
    const auto* spec = find_mta_option(name);
    if (!spec && known_family(name)) {
      warnings.push_back(line.where() + ": option " + printable(name) + " is accepted but has no effect yet");
      continue;
    }
    if (!spec) {
      errors.push_back(line.where() + ": unknown option " + printable(name) + "; is " +
                       std::string(nearest(name)) + " meant? See option.dat(5)");
      continue;
    }
    const auto at = static_cast<std::size_t>(spec->id);
    const auto parsed =
        spec->type == MtaOptionSpec::Type::number ? parse_number(value) : std::optional<std::int64_t>(0);
    if (!parsed) {
      errors.push_back(line.where() + ": option " + std::string(spec->name) + " needs a number, not \"" +
                       printable(value, 60) + "\"");
      continue;
    }
    if (!spec->implemented)
      warnings.push_back(line.where() + ": option " + std::string(spec->name) +
                         " is accepted but has no effect yet");
    result.numbers_[at] = *parsed;
    result.texts_[at] = std::string(value);
    result.given_[at] = true;
  }
  return result;
}

}  // namespace waxwing::mta
