#include "mta/mail_log/header_choice.h"

#include "common/mail/header.h"

namespace waxwing::mta::mail_log {

namespace {
constexpr std::size_t kMostFields = 100;
constexpr std::size_t kMostBytes = 1000;

// "MAXIMUM=1, OTHER=x": the number behind MAXIMUM.
std::optional<std::int64_t> maximum_of(std::string_view options) {
  for (const auto piece : split(options, ',')) {
    auto rest = trim(piece);
    const auto name = trim(take_until(rest, '='));
    if (iequals(name, "MAXIMUM")) return to_number<std::int64_t>(trim(rest));
  }
  return std::nullopt;
}
}  // namespace

HeaderChoice HeaderChoice::parse(std::string_view text, std::vector<std::string>* notes) {
  HeaderChoice choice;
  int number = 0;
  while (!text.empty()) {
    const auto line = trim(take_until(text, '\n'));
    ++number;
    if (line.empty() || line[0] == '!' || line[0] == '#') continue;
    auto options = line;
    const auto name = trim(take_until(options, ':'));
    const auto most = maximum_of(options);
    if (name.empty() || !most) {
      if (notes)
        notes->push_back("log_header.opt:" + std::to_string(number) + ": want \"Field: MAXIMUM=n\", not \"" +
                         printable(line) + "\"");
      continue;
    }
    if (iequals(name, "Defaults"))
      choice.others_ = *most;
    else
      choice.most_[std::string(name)] = *most;
  }
  return choice;
}

std::vector<std::pair<std::string, std::string>> HeaderChoice::choose(std::string_view header) const {
  std::vector<std::pair<std::string, std::string>> chosen;
  const auto block = mail::HeaderBlock::scan(header, {.max_bytes = header.size() + 1, .max_fields = 10000});
  std::unordered_map<std::string, std::int64_t, CaseBlindHash, CaseBlindEqual> taken;
  for (const auto& field : block.fields()) {
    const std::string name(field.name);
    const auto row = most_.find(name);
    const auto most = row == most_.end() ? others_ : row->second;
    if (most < 0 || (most > 0 && taken[name] >= most)) continue;
    ++taken[name];
    auto value = mail::unfold(field.value);
    if (value.size() > kMostBytes) value.resize(kMostBytes);
    chosen.emplace_back(name, std::move(value));
    if (chosen.size() >= kMostFields) break;
  }
  return chosen;
}

}  // namespace waxwing::mta::mail_log
