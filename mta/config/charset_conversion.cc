#include "mta/config/charset_conversion.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/charset.h"

namespace waxwing::mta {

namespace {

constexpr std::size_t kUsualColumns = 80;
constexpr std::size_t kLeastColumns = 20, kMostColumns = 998;

using Set = void (*)(Reformat& order);
struct Row {
  std::string_view word;
  Set set;
};
constexpr Row kWords[] = {
    {"yes", [](Reformat&) {}},
    {"always", [](Reformat& order) { order.always = true; }},
    {"level", [](Reformat& order) { order.level = true; }},
    {"top", [](Reformat& order) { order.inner = Reformat::Inner::top; }},
    {"bottom", [](Reformat& order) { order.inner = Reformat::Inner::bottom; }},
    {"delete", [](Reformat& order) { order.inner = Reformat::Inner::bare; }},
    {"base64", [](Reformat& order) { order.coding = Reformat::Coding::base64; }},
    {"quoted-printable", [](Reformat& order) { order.coding = Reformat::Coding::quoted_printable; }},
    {"uuencode", [](Reformat& order) { order.coding = Reformat::Coding::uuencode; }},
    // "Record,Text" is one order in two words.
    {"record", [](Reformat&) {}},
    {"text", [](Reformat& order) { order.columns = kUsualColumns; }},
};

bool apply_word(std::string_view word, Reformat& order) {
  if (istarts_with(word, "text=")) {
    const auto columns = to_number<std::size_t>(word.substr(5));
    if (!columns || *columns < kLeastColumns || *columns > kMostColumns) return false;
    order.columns = *columns;
    return true;
  }
  const auto* row = std::ranges::find_if(kWords, [&](const Row& each) { return iequals(each.word, word); });
  if (row == std::end(kWords)) return false;
  row->set(order);
  return true;
}

bool is_charset(std::string_view name) {
  return !name.empty() && name.size() <= 60 && std::ranges::all_of(name, [](char c) {
    return is_alnum(c) || std::string_view("-_.:+").find(c) != std::string_view::npos;
  });
}

}  // namespace

Reformat parse_reformat(std::string_view answer, std::vector<std::string>* unknown) {
  Reformat order;
  bool no = false;
  for (const auto piece : split(answer, ',')) {
    const auto word = trim(piece);
    if (iequals(word, "no")) no = true;
    if (word.empty() || iequals(word, "no")) continue;
    if (apply_word(word, order))
      order.wanted = true;
    else if (unknown != nullptr)
      unknown->emplace_back(word);
  }
  return no ? Reformat() : order;
}

mail::CharsetChange parse_charset_change(std::string_view answer) {
  mail::CharsetChange change;
  const auto text = replace_all(std::string(answer), ";", ",");
  for (const auto piece : split(text, ',')) {
    const auto word = trim(piece);
    if (istarts_with(word, "out-charset=")) change.to = word.substr(12);
    if (istarts_with(word, "relabel-only=")) change.relabel_only = word.substr(13) == "1";
  }
  if (!is_charset(change.to)) change.to.clear();
  return change;
}

namespace {

// What the row answers, when that does not depend on the probe.
bool literal_answer(const MapRow& row, std::string& answer) {
  for (const auto& step : row.steps) {
    if (step.kind == MapStep::Kind::text)
      answer += step.text;
    else if (step.kind != MapStep::Kind::end && step.kind != MapStep::Kind::flag)
      return false;
  }
  return true;
}

std::string fault_of(const std::string& pattern, const std::string& answer) {
  if (pattern.ends_with("CONVERT")) {
    std::vector<std::string> unknown;
    (void)parse_reformat(answer, &unknown);
    return unknown.empty()
               ? ""
               : "\"" + printable(join(unknown, ",")) + "\" is nothing that can be done to a message here";
  }
  if (pattern.find("IN-CHARSET=") == pattern.npos) return {};
  const auto change = parse_charset_change(answer);
  if (change.to.empty()) return "OUT-CHARSET=name is expected, not \"" + printable(answer) + "\"";
  if (!change.relabel_only && !mail::is_known_charset(change.to))
    return "charset \"" + change.to + "\" is not known: nothing is converted to it";
  return {};
}

}  // namespace

void check_charset_conversion(const MappingTable& table, std::vector<std::string>& warnings) {
  for (const auto& row : table.rows()) {
    std::string answer;
    if (!literal_answer(row, answer)) continue;
    const auto fault = fault_of(to_upper(row.pattern_text), answer);
    if (!fault.empty()) warnings.push_back(row.where + ": CHARSET-CONVERSION: " + fault);
  }
}

}  // namespace waxwing::mta
