// Compiles the templates of rewrite rules. What a letter means depends on a number before it: $A is a
// control, $2A the second character of the address.
#include <optional>

#include "common/base/strings.h"
#include "mta/config/rule_set.h"
#include "mta/config/site_call.h"

namespace waxwing::mta {
namespace {

constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxTemplate = 4096;

struct Letter {
  char letter;
  StepKind plain;     // without a number
  StepKind numbered;  // with one
};
constexpr Letter kLetters[] = {
    {'U', StepKind::local_part, StepKind::local_part},
    {'D', StepKind::matched, StepKind::matched},
    {'H', StepKind::unmatched, StepKind::unmatched},
    {'L', StepKind::literal_rest, StepKind::literal_rest},
    {'A', StepKind::from_at, StepKind::address_char},
    {'X', StepKind::from_bang, StepKind::host_part},
    {'P', StepKind::from_percent, StepKind::from_percent},
    {'S', StepKind::from_route, StepKind::from_route},
    {'E', StepKind::only_envelope, StepKind::only_envelope},
    {'B', StepKind::only_header, StepKind::only_header},
    {'F', StepKind::only_forward, StepKind::only_forward},
    {'R', StepKind::only_backward, StepKind::only_backward},
    {'W', StepKind::unique, StepKind::unique},
    {'\\', StepKind::lower_case, StepKind::lower_case},
    {'^', StepKind::upper_case, StepKind::upper_case},
    {'_', StepKind::keep_case, StepKind::keep_case},
    {'=', StepKind::ldap_quote, StepKind::ldap_quote},
    {'~', StepKind::check_now, StepKind::check_now},
};

// Controls whose text follows: up to the next @, % or control that ends it.
struct Texted {
  char letter;
  StepKind kind;
  bool expands;  // its text is a template itself
};
constexpr Texted kTexted[] = {
    {'M', StepKind::only_source, false},      {'N', StepKind::not_source, false},
    {'Q', StepKind::only_destination, false}, {'C', StepKind::not_destination, false},
    {'T', StepKind::set_tag, false},          {'V', StepKind::local_domain, true},
    {'Z', StepKind::not_local_domain, true},  {'?', StepKind::error_text, true},
};

class Compiler {
 public:
  Compiler(std::string_view text, int depth) : text_(text), depth_(depth) {}

  Result<std::vector<Step>> run() {
    if (depth_ > kMaxDepth) return permanent("substitutions nested too deep");
    if (text_.size() > kMaxTemplate) return permanent("template longer than 4096 characters");
    while (at_ < text_.size()) TRY_VOID(next());
    return std::move(steps_);
  }

 private:
  Result<> next() {
    const char c = text_[at_++];
    if (c == '%') return add({StepKind::percent});
    if (c == '@') return add({StepKind::at});
    if (c != '$') return literal(c);
    if (at_ == text_.size()) return permanent("template ends in a lone $; write $$ for a dollar sign");
    return sequence();
  }

  Result<> sequence() {
    const auto begin = at_ - 1;
    int number = -1;
    if (is_digit(text_[at_])) number = digits();
    if (at_ == text_.size()) return unknown(begin);
    const char c = upper(text_[at_++]);
    if (number < 0) {
      if (c == '$' || c == '%' || c == '@' || c == ' ') return literal(c);
      if (c == '&') return wild(StepKind::wild_left);
      if (c == '!') return wild(StepKind::wild_right);
      if (c == '*') return wild(StepKind::pattern_left);
      if (c == '#') return wild(StepKind::pattern_right);
      if (c == ']' || c == '(' || c == '{' || c == '[' || c == '}') return bracket(c);
    }
    if (number == 1 && c == 'M') return add({StepKind::only_internal});
    if (number == 1 && c == 'N') return add({StepKind::not_internal});
    for (const auto& texted : kTexted)
      if (texted.letter == c) return with_text(texted, number);
    for (const auto& letter : kLetters)
      if (letter.letter == c) return add({number < 0 ? letter.plain : letter.numbered, number});
    return unknown(begin);
  }

  Result<> unknown(std::size_t begin) {
    return permanent("unknown sequence " + printable(text_.substr(begin, at_ - begin)) +
                     " in template; see imta.cnf(5)");
  }

  int digits() {
    int value = 0;
    while (at_ < text_.size() && is_digit(text_[at_])) {
      value = value < 100'000'000 ? value * 10 + (text_[at_] - '0') : value;
      ++at_;
    }
    return value;
  }

  Result<> wild(StepKind kind) {
    if (at_ == text_.size() || !is_digit(text_[at_]))
      return permanent("$" + std::string(1, text_[at_ - 1]) + " in template needs a number after it");
    return add({kind, digits()});
  }

  // The text up to close, with brackets of the same kind nested inside.
  std::optional<std::string_view> until(char open, char close) {
    int depth = 1;
    for (auto i = at_; i < text_.size(); ++i) {
      if (text_[i] == '$' && i + 1 < text_.size() && (text_[i + 1] == close || text_[i + 1] == '$')) {
        ++i;
        continue;
      }
      if (text_[i] == open) ++depth;
      if (text_[i] == close && --depth == 0) {
        const auto inside = text_.substr(at_, i - at_);
        at_ = i + 1;
        return inside;
      }
    }
    return std::nullopt;
  }

  static char closing(char open) {
    constexpr std::string_view kOpen = "]([{}", kClose = "[)]}{";
    return kClose[kOpen.find(open)];
  }

  Result<> general(std::string_view inside) {
    if (inside.empty()) return permanent("$() in template needs a key of the general database");
    if (inside.find("$(") != inside.npos) return permanent("$(...) in template must not hold another $(...)");
    return nested(StepKind::general, "", inside);
  }

  Result<> site_routine(std::string_view inside) {
    TRY(auto call, parse_site_call(inside));
    return nested(StepKind::site_routine, call.name, call.argument);
  }

  Result<> bracket(char open) {
    const char close = closing(open);
    const auto inside = until(open, close);
    if (!inside) return permanent(std::string("$") + open + " in template is not closed by " + close);
    if (open == ']') return nested(StepKind::ldap, "", *inside);
    if (open == '(') return general(*inside);
    if (open == '[') return site_routine(*inside);
    const auto comma = inside->find(',');
    if (comma == inside->npos)
      return permanent(std::string("$") + open + "..." + close +
                       " in template needs a comma between its parts");
    if (open == '{') return nested(StepKind::mapping, inside->substr(0, comma), inside->substr(comma + 1));
    return nested(StepKind::domain_attribute, inside->substr(comma + 1), inside->substr(0, comma));
  }

  Result<> nested(StepKind kind, std::string_view text, std::string_view inner, int number = -1) {
    Step step{kind, number, std::string(text), {}};
    TRY(step.inner, Compiler(inner, depth_ + 1).run());
    return add(std::move(step));
  }

  Result<> with_text(const Texted& texted, int number) {
    const auto begin = at_;
    while (at_ < text_.size() && text_[at_] != '@' && text_[at_] != '%') {
      if (text_[at_] == '$') {
        const char c = at_ + 1 < text_.size() ? upper(text_[at_ + 1]) : '$';
        if (!texted.expands && c != '$') break;
        if (c == 'N' || c == 'M' || c == 'Q' || c == 'C' || c == 'T' || c == '?' || c == 'V' || c == 'Z')
          break;
        ++at_;  // a quoted character or a substitution belongs to the text
        if (at_ == text_.size()) break;
      }
      ++at_;
    }
    const auto text = text_.substr(begin, at_ - begin);
    if (text.empty() && texted.letter != 'T' && texted.letter != '?')
      return permanent(std::string("$") + texted.letter + " in template needs a name after it");
    if (texted.expands) return nested(texted.kind, "", text, number);
    return add({texted.kind, number, replace_all(std::string(text), "$$", "$")});
  }

  Result<> literal(char c) {
    if (steps_.empty() || steps_.back().kind != StepKind::literal) steps_.push_back({StepKind::literal});
    steps_.back().text += c;
    return {};
  }

  Result<> add(Step step) {
    steps_.push_back(std::move(step));
    return {};
  }

  std::string_view text_;
  int depth_;
  std::size_t at_ = 0;
  std::vector<Step> steps_;
};

}  // namespace

Result<std::vector<Step>> compile_rule_template(std::string_view text) {
  return Compiler(text, 0).run();
}

}  // namespace waxwing::mta
