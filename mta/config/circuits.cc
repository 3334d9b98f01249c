#include "mta/config/circuits.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/mail/address.h"

namespace waxwing::mta {

namespace {

constexpr std::string_view kFile = "circuitcheck.cnf";
constexpr std::size_t kMostNameBytes = 32, kMostTextBytes = 10 << 20, kMostBins = 50;
constexpr std::int64_t kMostSeconds = 30 * 86400;
// The job that sends runs by the minute.
constexpr std::int64_t kLeastInterval = 60;

// The address without angle brackets.
Result<std::string> parse_address(std::string_view text) {
  auto path = std::string(text);
  if (!path.starts_with('<')) path = "<" + path + ">";
  TRY(const auto parsed, mail::parse_smtp_path(path, {.utf8 = true, .bare_local_part = true}));
  if (parsed.consumed != path.size()) return permanent("something follows behind the address");
  return path.substr(1, path.size() - 2);
}

Result<std::int64_t> parse_seconds(std::string_view text, std::int64_t least) {
  auto seconds = to_number<std::int64_t>(text);
  if (!seconds) seconds = iso_duration_seconds(text);
  if (!seconds || *seconds < least || *seconds > kMostSeconds)
    return permanent(fmt::format("wants a time like pt30m or 1800, from {} seconds to 30 days, not \"{}\"",
                                 least, printable(text, 40)));
  return *seconds;
}

Result<> set_option(Circuit& circuit, std::string_view name, std::string_view value) {
  if (iequals(name, "interval")) {
    TRY(circuit.interval_seconds, parse_seconds(value, kLeastInterval));
  } else if (iequals(name, "expires")) {
    TRY(circuit.expires_seconds, parse_seconds(value, 1));
  } else if (iequals(name, "sender")) {
    if (value == "<>") return {};
    TRY(circuit.sender, parse_address(value));
  } else if (iequals(name, "size")) {
    const auto bytes = to_number<std::size_t>(value);
    if (!bytes || *bytes > kMostTextBytes)
      return permanent("wants bytes, at most 10485760, not \"" + printable(value, 40) + "\"");
    circuit.size_bytes = *bytes;
  } else {
    return permanent("is no option of a circuit: there are interval, expires, sender and size");
  }
  return {};
}

Result<Circuit> parse_circuit(const SourceLine& line) {
  const auto words = split_words(line.text);
  if (words.size() < 2) return permanent("expected a name and the address that its messages are sent to");
  Circuit circuit;
  circuit.where = line.where();
  circuit.name = to_lower(words[0]);
  if (!is_circuit_name(circuit.name))
    return permanent("\"" + printable(words[0], 40) +
                     "\" is no name of a circuit: 1 to 32 letters, digits, hyphens and underscores");
  auto address = parse_address(words[1]);
  if (!address)
    return permanent("\"" + printable(words[1], 80) + "\" is no address: " + address.error().text);
  circuit.address = std::move(*address);
  std::vector<std::string> seen;
  for (const auto word : std::vector(words.begin() + 2, words.end())) {
    const auto equals = word.find('=');
    if (equals == word.npos) return permanent("expected option=value, found \"" + printable(word, 60) + "\"");
    const auto name = word.substr(0, equals);
    if (std::ranges::find(seen, to_lower(name)) != seen.end())
      return permanent(printable(name, 40) + " is there twice");
    seen.push_back(to_lower(name));
    if (auto set = set_option(circuit, name, word.substr(equals + 1)); !set)
      return permanent(printable(name, 40) + " " + set.error().text);
  }
  return circuit;
}

}  // namespace

bool is_circuit_name(std::string_view name) {
  return !name.empty() && name.size() <= kMostNameBytes && std::ranges::all_of(name, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
}

std::vector<Circuit> parse_circuits(const SourceSet& sources, const MtaOptions& options,
                                    std::vector<std::string>& errors) {
  std::vector<Circuit> circuits;
  if (!sources.has_file(kFile)) return circuits;
  const auto most = options.number(Opt::CIRCUITCHECK_PATHS_SIZE);
  for (const auto& line : read_lines(sources, kFile, sources.comment_marks(), errors)) {
    if (line.blank()) continue;
    auto circuit = parse_circuit(line);
    if (!circuit) {
      errors.push_back(line.where() + ": " + circuit.error().text + "; see circuitcheck.cnf(5)");
      continue;
    }
    if (std::ranges::find(circuits, circuit->name, &Circuit::name) != circuits.end()) {
      errors.push_back(line.where() + ": there is another circuit " + circuit->name);
      continue;
    }
    if (std::cmp_greater_equal(circuits.size(), std::max<std::int64_t>(most, 0))) {
      errors.push_back(
          fmt::format("{}: there are more circuits than {}: set CIRCUITCHECK_PATHS_SIZE in option.dat",
                      line.where(), most));
      break;
    }
    circuits.push_back(std::move(*circuit));
  }
  return circuits;
}

Result<std::vector<std::int64_t>> parse_completed_bins(std::string_view text) {
  std::vector<std::int64_t> bins;
  for (const auto piece : split(text, ',')) {
    const auto seconds = to_number<std::int64_t>(trim(piece));
    const bool rises = seconds && *seconds > (bins.empty() ? 0 : bins.back());
    if (!rises || *seconds > kMostSeconds || bins.size() == kMostBins)
      return permanent(
          fmt::format("CIRCUITCHECK_COMPLETED_BINS has seconds with commas between, at most {} of them, in "
                      "rising order and none over 30 days, not \"{}\"",
                      kMostBins, printable(text, 80)));
    bins.push_back(*seconds);
  }
  return bins;
}

}  // namespace waxwing::mta
