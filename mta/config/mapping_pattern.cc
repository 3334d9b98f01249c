// Patterns of mapping tables: compiling and matching.
#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "mta/config/mappings.h"

namespace waxwing::mta {
namespace {

using Kind = PatternItem::Kind;

template <class F>
std::bitset<256> set_of(F takes) {
  std::bitset<256> set;
  for (int c = 0; c < 256; ++c) set[static_cast<std::size_t>(c)] = takes(static_cast<char>(c));
  return set;
}

std::optional<std::bitset<256>> class_of(char letter) {
  switch (upper(letter)) {
    case 'A':
      return set_of(is_alpha);
    case 'B':
      return set_of([](char c) { return c == '0' || c == '1'; });
    case 'D':
      return set_of(is_digit);
    case 'H':
    case 'X':
      return set_of([](char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); });
    case 'O':
      return set_of([](char c) { return c >= '0' && c <= '7'; });
    case 'S':
      return set_of([](char c) { return is_alnum(c) || c == '_' || c == '$'; });
    case 'T':
      return set_of([](char c) { return c == '\t' || c == '\v' || c == ' '; });
    default:
      return std::nullopt;
  }
}

class Compiler {
 public:
  explicit Compiler(std::string_view text) : text_(text) {}

  Result<std::vector<PatternItem>> run() {
    while (at_ < text_.size()) TRY_VOID(next());
    return std::move(items_);
  }

 private:
  Result<> next() {
    const char c = text_[at_++];
    if (c == '*' || c == '%') return wildcard(c, set_of([](char) { return true; }));
    if (c != '$') return literal(c);
    if (at_ == text_.size()) return permanent("pattern ends in a lone $; write $$ for a dollar sign");
    return sequence(text_[at_++]);
  }

  Result<> sequence(char c) {
    if (c == '_') return (lazy_ = true, Result<>{});
    if (c == '@') return (save_ = false, Result<>{});
    if (c == '^') return (save_ = true, Result<>{});
    if (is_digit(c)) return again(c - '0');
    if (c == '[') return bracket_class();
    if (c == '(') return subnet4();
    if (c == '{') return subnet6();
    if (is_alpha(c)) {
      const auto set = class_of(c);
      if (!set) return permanent(std::string("unknown sequence $") + c + " in pattern; see mappings(5)");
      return class_wildcard(*set);
    }
    return literal(c);
  }

  Result<> class_wildcard(const std::bitset<256>& set) {
    if (at_ == text_.size() || (text_[at_] != '%' && text_[at_] != '*'))
      return permanent("a character class in a pattern needs % (one) or * (any number) after it");
    return wildcard(text_[at_++], set);
  }

  Result<> wildcard(char c, const std::bitset<256>& set) {
    PatternItem item{c == '%' ? Kind::one : Kind::many, lazy_, save_, {}, set};
    lazy_ = false;
    items_.push_back(std::move(item));
    return {};
  }

  Result<> again(int number) {
    if (at_ == text_.size() || text_[at_] != '*')
      return permanent("$" + std::to_string(number) + " in a pattern must be followed by *");
    ++at_;
    const auto saved = std::ranges::count_if(items_, [](const auto& item) {
      return item.save && (item.kind == Kind::one || item.kind == Kind::many);
    });
    if (number >= saved)
      return permanent("$" + std::to_string(number) +
                       "* in a pattern has no wildcard of that number before it");
    PatternItem item{Kind::again};
    item.number = number;
    items_.push_back(std::move(item));
    return {};
  }

  Result<> bracket_class() {
    const auto close = text_.find(']', at_ + 1);
    if (close == text_.npos) return permanent("$[ in pattern is not closed by ]");
    auto inside = text_.substr(at_, close - at_);
    at_ = close + 1;
    const bool negated = inside.starts_with('^');
    if (negated) inside.remove_prefix(1);
    std::bitset<256> set;
    for (std::size_t i = 0; i < inside.size(); ++i) {
      const auto first = static_cast<unsigned char>(inside[i]);
      auto last = first;
      if (i + 2 < inside.size() && inside[i + 1] == '-') last = static_cast<unsigned char>(inside[i += 2]);
      if (last < first) return permanent("a range in $[...] of a pattern runs backwards");
      for (int c = first; c <= last; ++c) {
        set.set(static_cast<unsigned char>(lower(static_cast<char>(c))));
        set.set(static_cast<unsigned char>(upper(static_cast<char>(c))));
      }
    }
    return class_wildcard(negated ? ~set : set);
  }

  Result<> subnet4() { return subnet(')', AF_INET, Kind::subnet4, 32); }
  Result<> subnet6() { return subnet('}', AF_INET6, Kind::subnet6, 128); }

  Result<> subnet(char close, int family, Kind kind, int most) {
    const auto end = text_.find(close, at_);
    if (end == text_.npos) return permanent(std::string("a subnet in a pattern is not closed by ") + close);
    const auto inside = text_.substr(at_, end - at_);
    at_ = end + 1;
    auto rest = inside;
    const std::string host(take_until(rest, '/'));
    const auto bits = rest.empty() ? std::optional<int>(most) : to_number<int>(rest);
    PatternItem item{kind};
    if (!bits || *bits < 0 || *bits > most || inet_pton(family, host.c_str(), item.address.data()) != 1)
      return permanent("\"" + printable(inside) + "\" in a pattern is no subnet; write " +
                       (most == 32 ? "$(192.0.2.0/24)" : "${2001:db8::/32}"));
    item.bits = *bits;
    items_.push_back(std::move(item));
    return {};
  }

  Result<> literal(char c) {
    if (items_.empty() || items_.back().kind != Kind::text) items_.push_back({Kind::text});
    items_.back().text += lower(c);
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool lazy_ = false, save_ = true;
  std::vector<PatternItem> items_;
};

bool in_subnet(const PatternItem& item, std::string_view text) {
  std::array<std::uint8_t, 16> address{};
  char buffer[64];
  if (text.size() >= sizeof buffer) return false;
  *std::ranges::copy(text, buffer).out = '\0';
  if (inet_pton(item.kind == Kind::subnet4 ? AF_INET : AF_INET6, buffer, address.data()) != 1) return false;
  for (int bit = 0; bit < item.bits; bit += 8) {
    const int take = std::min(8, item.bits - bit);
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - take));
    const auto at = static_cast<std::size_t>(bit / 8);
    if ((address[at] ^ item.address[at]) & mask) return false;
  }
  return true;
}

// text is lower case.
bool begins_with(std::string_view input, std::string_view text) {
  if (input.size() < text.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (lower(input[i]) != text[i]) return false;
  return true;
}

// Backtracking, counted: a hostile probe against an unlucky pattern ends in "gave up", not in a hang.
class Matcher {
 public:
  Matcher(const std::vector<PatternItem>& items, std::string_view input, std::vector<std::string_view>& saved,
          std::size_t steps)
      : items_(items), input_(input), saved_(saved), steps_(steps) {}

  bool match(std::size_t item, std::size_t at) {
    for (; item < items_.size(); ++item) {
      if (steps_ == 0) return false;
      --steps_;
      const auto& now = items_[item];
      switch (now.kind) {
        case Kind::text:
          if (!text_at(now.text, at)) return false;
          at += now.text.size();
          break;
        case Kind::again: {
          const auto before = saved_[static_cast<std::size_t>(now.number)];
          if (!iequals(input_.substr(at, before.size()), before)) return false;
          at += before.size();
          break;
        }
        case Kind::one:
          if (at == input_.size() || !now.set[static_cast<unsigned char>(input_[at])]) return false;
          if (now.save) saved_.push_back(input_.substr(at, 1));
          ++at;
          break;
        case Kind::many:
          return many(item, at);
        default:
          return subnet(item, at);
      }
    }
    return at == input_.size();
  }

  bool gave_up() const { return steps_ == 0; }

 private:
  bool text_at(std::string_view text, std::size_t at) const { return begins_with(input_.substr(at), text); }

  bool many(std::size_t item, std::size_t at) {
    const auto& now = items_[item];
    std::size_t most = at;
    if (now.set.all())
      most = input_.size();
    else
      while (most < input_.size() && now.set[static_cast<unsigned char>(input_[most])]) ++most;
    const auto count = most - at;
    for (std::size_t i = 0; i <= count; ++i)
      if (try_length(item, at, now.lazy ? i : count - i)) return true;
    return false;
  }

  bool try_length(std::size_t item, std::size_t at, std::size_t length) {
    const auto end = at + length;
    if (item + 1 == items_.size() && end != input_.size()) return false;
    // The next item is often a text: look at its first character before going on.
    if (item + 1 < items_.size() && items_[item + 1].kind == Kind::text &&
        (end == input_.size() || lower(input_[end]) != items_[item + 1].text[0]))
      return false;
    const auto kept = saved_.size();
    if (items_[item].save) saved_.push_back(input_.substr(at, length));
    if (match(item + 1, end)) return true;
    saved_.resize(kept);
    return false;
  }

  // The longest run of address characters that lies in the subnet.
  bool subnet(std::size_t item, std::size_t at) {
    auto end = at;
    while (end < input_.size() && (is_alnum(input_[end]) || input_[end] == '.' || input_[end] == ':')) ++end;
    const auto kept = saved_.size();
    if (in_subnet(items_[item], input_.substr(at, end - at)) && match(item + 1, end)) return true;
    saved_.resize(kept);
    return false;
  }

  const std::vector<PatternItem>& items_;
  std::string_view input_;
  std::vector<std::string_view>& saved_;
  std::size_t steps_;
};

}  // namespace

Result<std::vector<PatternItem>> compile_pattern(std::string_view text) {
  return Compiler(text).run();
}

bool match_pattern(const std::vector<PatternItem>& pattern, std::string_view input,
                   std::vector<std::string_view>& saved, bool* gave_up, std::size_t max_steps) {
  saved.clear();
  if (gave_up) *gave_up = false;
  // Most rows of a table begin with another text than the probe: nothing more need be looked at.
  if (!pattern.empty() && pattern[0].kind == Kind::text && !begins_with(input, pattern[0].text)) return false;
  Matcher matcher(pattern, input, saved, max_steps);
  const bool matched = matcher.match(0, 0);
  if (gave_up) *gave_up = matcher.gave_up();
  return matched && !matcher.gave_up();
}

}  // namespace waxwing::mta
