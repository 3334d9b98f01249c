#include "common/mail/parameters.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/base/strings.h"
#include "common/mail/charset.h"
#include "common/mail/encoded_word.h"
#include "common/mail/header.h"

namespace waxwing::mail {

namespace {

// Words of a structured value: blanks, line ends and comments between them are skipped.
class ValueReader {
 public:
  explicit ValueReader(std::string_view text) : text_(text) {}

  bool at_end() {
    skip();
    return at_ >= text_.size();
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // Up to one of these stops, a blank, a comment or the end.
  std::string_view word(std::string_view stops) {
    skip();
    const auto begin = at_;
    while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) > ' ' && text_[at_] != '(' &&
           stops.find(text_[at_]) == std::string_view::npos)
      ++at_;
    return text_.substr(begin, at_ - begin);
  }
  // A parameter's value: quoted string, or everything up to ";" without blanks at the end.
  std::string value() {
    skip();
    if (at_ < text_.size() && text_[at_] == '"') return quoted();
    const auto begin = at_;
    while (at_ < text_.size() && text_[at_] != ';' && text_[at_] != '(') ++at_;
    return unfold(text_.substr(begin, at_ - begin));
  }
  void skip_to_semicolon() {
    while (at_ < text_.size() && text_[at_] != ';') {
      if (text_[at_] == '"') {
        quoted();
      } else if (text_[at_] == '(') {
        skip();
      } else {
        ++at_;
      }
    }
  }

 private:
  void skip() {
    std::size_t depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '(') {
        ++depth;
      } else if (depth > 0 && c == ')') {
        --depth;
      } else if (depth > 0 && c == '\\') {
        ++at_;
      } else if (depth == 0 && !is_blank(c) && c != '\r' && c != '\n') {
        break;
      }
    }
    at_ = std::min(at_, text_.size());
  }
  std::string quoted() {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      if (text_[at_] != '\r' && text_[at_] != '\n') out += text_[at_];
    }
    if (at_ < text_.size()) ++at_;
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
    if (byte && byte->size() == 1) {
      out += *byte;
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The pieces of name*0, name*1*, ... by number, and what is known of the whole.
struct Pieces {
  std::map<unsigned, std::pair<std::string, bool>> by_number;  // value, percent-encoded
};

// charset'language'text of the first extended piece.
void take_charset(std::string& text, Parameter& parameter) {
  const auto first = text.find('\'');
  const auto second = first == std::string::npos ? first : text.find('\'', first + 1);
  if (second == std::string::npos) return;
  parameter.charset = text.substr(0, first);
  parameter.language = text.substr(first + 1, second - first - 1);
  text.erase(0, second + 1);
}

Parameter joined(const std::string& name, Pieces& pieces, std::size_t max_bytes) {
  Parameter parameter{.name = name};
  unsigned expected = 0;
  for (auto& [number, piece] : pieces.by_number) {
    if (number != expected++ || parameter.value.size() > max_bytes) break;  // a gap ends it
    auto& [text, encoded] = piece;
    if (encoded && number == 0) take_charset(text, parameter);
    parameter.extended = parameter.extended || encoded;
    parameter.value += encoded ? percent_decoded(text) : text;
  }
  return parameter;
}

class ParameterCollector {
 public:
  explicit ParameterCollector(const ParameterLimits& limits) : limits_(limits) {}

  void add(std::string_view name, std::string value) {
    auto base = to_lower(name);
    const auto star = base.find('*');
    const auto mark = star == std::string::npos ? std::string() : base.substr(star);
    if (star != std::string::npos) base.resize(star);
    if (base.empty()) return;
    if (value.size() > limits_.max_value_bytes) value.resize(limits_.max_value_bytes);
    if (mark.empty()) {
      plain_.emplace(base, value);
    } else {
      const bool encoded = mark.back() == '*';
      const auto digits =
          std::string_view(mark).substr(1, mark.size() - 1 - (encoded && mark.size() > 1 ? 1 : 0));
      const auto number = mark == "*" ? std::optional(0U) : to_number<unsigned>(digits);
      if (!number) return;
      pieces_[base].by_number.emplace(*number, std::pair(std::move(value), encoded));
    }
    if (std::find(order_.begin(), order_.end(), base) == order_.end()) order_.push_back(base);
  }

  std::vector<Parameter> take() {
    std::vector<Parameter> out;
    for (const auto& name : order_) {
      // An RFC 2231 form says more than the plain one that stands beside it for old readers.
      if (const auto at = pieces_.find(name); at != pieces_.end() && at->second.by_number.contains(0)) {
        out.push_back(joined(name, at->second, limits_.max_value_bytes));
      } else if (const auto plain = plain_.find(name); plain != plain_.end()) {
        out.push_back({.name = name, .value = plain->second});
      }
    }
    return out;
  }

 private:
  const ParameterLimits& limits_;
  std::vector<std::string> order_;
  std::map<std::string, std::string> plain_;
  std::map<std::string, Pieces> pieces_;
};

}  // namespace

std::string Parameter::utf8() const {
  if (extended) return to_utf8_or_guess(value, charset);
  return decode_words(value);
}

const Parameter* ParameterizedValue::find(std::string_view name) const {
  for (const auto& parameter : parameters)
    if (iequals(parameter.name, name)) return &parameter;
  return nullptr;
}

std::string_view ParameterizedValue::get(std::string_view name) const& {
  const auto* parameter = find(name);
  return parameter == nullptr ? std::string_view() : std::string_view(parameter->value);
}

std::string ParameterizedValue::get(std::string_view name) && {
  return std::string(std::as_const(*this).get(name));
}

ParameterizedValue parse_parameters(std::string_view value, const ParameterLimits& limits) {
  ParameterizedValue out;
  ValueReader reader(value);
  out.value = reader.word(";/");
  if (reader.take('/')) (out.value += '/') += reader.word(";");
  ParameterCollector collector(limits);
  for (std::size_t count = 0; count < limits.max_parameters && !reader.at_end();) {
    reader.skip_to_semicolon();
    if (!reader.take(';')) break;
    const auto name = reader.word(";=");
    if (name.empty() || !reader.take('=')) continue;
    collector.add(name, reader.value());
    ++count;
  }
  out.parameters = collector.take();
  return out;
}

std::optional<std::string> plain_parameter(std::string_view value, std::string_view name) {
  ValueReader reader(value);
  for (unsigned count = 0; count < 200; ++count) {
    reader.skip_to_semicolon();
    if (!reader.take(';')) return std::nullopt;
    const auto word = reader.word(";=");
    if (word.empty() || !reader.take('=')) continue;
    auto found = reader.value();
    if (iequals(word, name)) return found;
  }
  return std::nullopt;
}

}  // namespace waxwing::mail
