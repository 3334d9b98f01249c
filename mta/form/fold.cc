#include "mta/form/fold.h"

#include <algorithm>

#include "common/base/strings.h"
#include "mta/form/address_text.h"

namespace waxwing::mta::form {

namespace {
constexpr std::size_t kUsualLength = 78;       // RFC 5322 §2.1.1
constexpr std::size_t kWidestLabel = 60;       // what is beyond leaves no room for a value
constexpr std::size_t kLongestPhysical = 990;  // of the 998 that RFC 5322 allows

// One element of a list: what stands between top-level commas, a whole group included.
std::vector<std::string_view> elements(std::string_view value) {
  std::vector<std::string_view> found;
  bool in_group = false;
  const char* begin = value.data();
  for (const auto& token : address_tokens(value)) {
    if (token.kind != AddressToken::Kind::separator) continue;
    if (token.text == ":") in_group = true;
    if (token.text == ";") in_group = false;
    if (token.text != "," || in_group) continue;
    found.emplace_back(begin, static_cast<std::size_t>(token.text.data() - begin));
    begin = token.text.data() + 1;
  }
  found.emplace_back(begin, static_cast<std::size_t>(value.data() + value.size() - begin));
  return found;
}
}  // namespace

std::string folded(std::string_view name, std::string_view value, const FoldRules& rules) {
  const auto length =
      std::clamp(rules.line_length ? rules.line_length : kUsualLength, std::size_t{20}, kLongestPhysical);
  std::string out = std::string(name) + ":";
  if (const auto align = std::min(rules.label_align, kWidestLabel); out.size() < align)
    out.append(align - out.size(), ' ');
  std::size_t column = out.size();
  bool first = true;
  for (auto rest = trim(value); !rest.empty(); first = false) {
    // Blanks, folds among them, then a word.
    const auto word_at = rest.find_first_not_of(" \t\r\n");
    std::string blanks;
    for (const char c : rest.substr(0, word_at))
      if (is_blank(c)) blanks += c;
    if (blanks.empty()) blanks.assign(1, ' ');
    if (first && column < length && out.back() == ' ') blanks.clear();
    rest.remove_prefix(word_at);
    const auto word = rest.substr(0, rest.find_first_of(" \t\r\n"));
    rest.remove_prefix(word.size());
    if (column + blanks.size() + word.size() > length && !first) {
      out += "\r\n";
      column = 0;
    }
    out.append(blanks).append(word);
    column += blanks.size() + word.size();
  }
  return out + "\r\n";
}

std::vector<std::string> cut_addresses(std::string_view value, std::size_t max_addresses,
                                       std::size_t max_chars) {
  std::vector<std::string> pieces;
  std::size_t count = 0;
  for (const auto each : elements(value)) {
    const auto element = trim(each);
    if (element.empty()) continue;
    const bool full = pieces.empty() || (max_addresses > 0 && count >= max_addresses) ||
                      (max_chars > 0 && pieces.back().size() + 2 + element.size() > max_chars);
    if (full) {
      pieces.emplace_back(element);
      count = 0;
    } else {
      pieces.back().append(",\r\n ").append(element);
    }
    ++count;
  }
  return pieces;
}

}  // namespace waxwing::mta::form
