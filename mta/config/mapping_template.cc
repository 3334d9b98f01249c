// Compiles the templates of mapping tables.
#include <optional>

#include "mta/config/mappings.h"
#include "mta/config/site_call.h"

namespace waxwing::mta {
namespace {

using Kind = MapStep::Kind;

class Compiler {
 public:
  Compiler(std::string_view text, int depth) : text_(text), depth_(depth) {}

  Result<std::vector<MapStep>> run() {
    if (depth_ < 0) return permanent("substitutions nested too deep");
    while (at_ < text_.size()) TRY_VOID(next());
    return std::move(steps_);
  }

 private:
  Result<> next() {
    const char c = text_[at_++];
    if (c != '$') return literal(c);
    if (at_ == text_.size()) return permanent("template ends in a lone $; write $$ for a dollar sign");
    return sequence(text_[at_++]);
  }

  Result<> sequence(char c) {
    switch (c) {
      case '\\':
        return add(Kind::lower);
      case '^':
        return add(Kind::upper);
      case '_':
        return add(Kind::keep);
      case '=':
        return add(Kind::ldap_quote);
      case '#':
        return sequence_number();
      case ']':
        return nested(Kind::ldap, '[', "");
      case '|':
        return table();
      case '}':
        return domain_attribute();
      case '?':
        return chance();
      case '.':
        return nested(Kind::lookup_failed, '.', "");
      case ':':
      case ';':
        return flag_test(c);
      case '{':
        return nested(Kind::general, '}', "");
      case '[':
        return site_routine();
      default:
        break;
    }
    if (is_digit(c)) return add(Kind::saved, c - '0');
    switch (upper(c)) {
      case 'C':
        return add(Kind::next_row);
      case 'L':
        return add(Kind::again_once);
      case 'R':
        return add(Kind::restart);
      case 'E':
        return add(Kind::end);
      default:
        break;
    }
    if (is_alpha(c) || c == '!' || c == '<' || c == '>' || c == ',' || c == '+')
      return add(Kind::flag, 0, std::string(1, upper(c)));
    return literal(c);
  }

  std::optional<std::string_view> until(char close) {
    for (auto i = at_; i < text_.size(); ++i) {
      if (text_[i] == '$' && i + 1 < text_.size()) {
        ++i;
        continue;
      }
      if (text_[i] != close) continue;
      const auto inside = text_.substr(at_, i - at_);
      at_ = i + 1;
      return inside;
    }
    return std::nullopt;
  }

  std::unexpected<Error> open_end(char close) {
    return permanent("$" + std::string(1, text_[at_ - 1]) + " in template is not closed by " +
                     std::string(1, close));
  }

  Result<> nested(Kind kind, char close, std::string name) {
    const auto inside = until(close);
    if (!inside) return open_end(close);
    return push(kind, std::move(name), *inside);
  }

  Result<> push(Kind kind, std::string name, std::string_view inside) {
    MapStep step{kind, 0, std::move(name), {}};
    TRY(step.inner, Compiler(inside, depth_ - 1).run());
    steps_.push_back(std::move(step));
    return {};
  }

  Result<> table() {
    const auto inside = until('|');
    if (!inside) return open_end('|');
    const auto semicolon = inside->find(';');
    if (semicolon == inside->npos || semicolon == 0)
      return permanent("write $|table;argument| in a template, not $|" + printable(*inside) + "|");
    return push(Kind::table, to_lower(inside->substr(0, semicolon)), inside->substr(semicolon + 1));
  }

  Result<> site_routine() {
    const auto inside = until(']');
    if (!inside) return open_end(']');
    TRY(const auto call, parse_site_call(*inside));
    return push(Kind::site_routine, call.name, call.argument);
  }

  Result<> domain_attribute() {
    const auto inside = until('{');
    if (!inside) return open_end('{');
    const auto comma = inside->rfind(',');
    if (comma == inside->npos) return permanent("write $}domain,attribute{ in a template");
    return push(Kind::domain_attribute, std::string(inside->substr(comma + 1)), inside->substr(0, comma));
  }

  Result<> chance() {
    const auto end = text_.find('?', at_);
    const auto value = end == text_.npos ? std::nullopt : to_number<int>(text_.substr(at_, end - at_));
    if (!value || *value < 0 || *value > 100) return permanent("write $?percent? in a template, 0 to 100");
    at_ = end + 1;
    return add(Kind::percent_chance, *value);
  }

  Result<> flag_test(char c) {
    if (at_ == text_.size()) return permanent("$: and $; in a template need a flag letter");
    return add(c == ':' ? Kind::if_set : Kind::if_clear, 0, std::string(1, upper(text_[at_++])));
  }

  // $#name|increment|radix|length#, all but the name optional.
  Result<> sequence_number() {
    const auto end = text_.find('#', at_);
    if (end == text_.npos) return permanent("$# in template is not closed by #");
    const auto parts = split(text_.substr(at_, end - at_), '|');
    at_ = end + 1;
    const auto name = parts[0];
    if (name.empty() || name.size() > 64 ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") != name.npos)
      return permanent("the name of a $#name|...# sequence is lower case letters, digits, _ and -");
    MapStep step{Kind::sequence, 1, std::string(name), {}};
    if (parts.size() > 4) return permanent("$#name|increment|radix|length# has four parts at most");
    for (std::size_t i = 1; i < 4; ++i) {
      const auto value = i < parts.size() && !parts[i].empty() ? to_number<int>(parts[i])
                                                               : std::optional<int>(i == 2   ? 10
                                                                                    : i == 1 ? 1
                                                                                             : 0);
      if (!value || (i == 2 && (*value < 2 || *value > 36)) || (i == 3 && (*value < 0 || *value > 32)))
        return permanent("$#name|increment|radix|length#: numbers, radix 2 to 36, length up to 32");
      step.inner.push_back({Kind::saved, *value});
    }
    steps_.push_back(std::move(step));
    return {};
  }

  Result<> literal(char c) {
    if (steps_.empty() || steps_.back().kind != Kind::text) steps_.push_back({Kind::text});
    steps_.back().text += c;
    return {};
  }

  Result<> add(Kind kind, int number = 0, std::string text = {}) {
    steps_.push_back({kind, number, std::move(text), {}});
    return {};
  }

  std::string_view text_;
  int depth_;
  std::size_t at_ = 0;
  std::vector<MapStep> steps_;
};

}  // namespace

Result<std::vector<MapStep>> compile_map_template(std::string_view text, int max_depth) {
  return Compiler(text, max_depth).run();
}

}  // namespace waxwing::mta
