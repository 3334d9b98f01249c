#include "imapd/parse/scanner.h"

#include "common/base/strings.h"

namespace waxwing::imap {

bool is_atom_char(char c) {
  if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f) return false;
  return std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
}
bool is_astring_char(char c) {
  return is_atom_char(c) || c == ']';
}
bool is_list_char(char c) {
  // 8-bit bytes come here from UTF-8 clients; the name decoder judges them.
  return is_astring_char(c) || c == '%' || c == '*' || static_cast<unsigned char>(c) >= 0x80;
}

template <class Allowed>
std::string_view Scanner::run(Allowed allowed) {
  const auto start = position_;
  while (position_ < text_.size() && allowed(text_[position_])) ++position_;
  return text_.substr(start, position_ - start);
}

Result<> Scanner::expect(char c) {
  if (take(c)) return {};
  const auto found = at_end() ? std::string("the end") : "\"" + printable(rest(), 20) + "\"";
  return permanent("expected " + (c == ' ' ? std::string("a space") : std::string(1, c)) + ", found " +
                   found);
}

Result<> Scanner::end() {
  if (peek() == ' ' && position_ + 1 == text_.size()) ++position_;
  if (at_end()) return {};
  return permanent("unexpected text after the command: \"" + printable(rest(), 40) + "\"");
}

bool Scanner::take(char c) {
  if (at_end() || text_[position_] != c) return false;
  ++position_;
  return true;
}

bool Scanner::take_word(std::string_view word) {
  if (!istarts_with(rest(), word)) return false;
  const auto after = position_ + word.size();
  if (after < text_.size() && is_atom_char(text_[after]) && text_[after] != '[') return false;
  position_ = after;
  return true;
}

Result<std::string_view> Scanner::tag() {
  const auto value = run([](char c) { return is_astring_char(c) && c != '+'; });
  if (value.empty()) return permanent("a command starts with a tag");
  return value;
}

Result<std::string_view> Scanner::atom() {
  const auto value = run(is_atom_char);
  if (value.empty()) return permanent("expected an atom, found \"" + printable(rest(), 20) + "\"");
  return value;
}

Result<std::string_view> Scanner::word() {
  const auto value = run([](char c) { return is_atom_char(c) && c != '[' && c != '<'; });
  if (value.empty()) return permanent("expected a word, found \"" + printable(rest(), 20) + "\"");
  return value;
}

Result<std::string> Scanner::astring() {
  if (peek() == '"' || peek() == '{') return string();
  const auto value = run(is_astring_char);
  if (value.empty()) return permanent("expected a string, found \"" + printable(rest(), 20) + "\"");
  return std::string(value);
}

Result<std::string> Scanner::string() {
  if (peek() == '"') return quoted();
  if (peek() == '{') return literal();
  return permanent("expected a quoted string or a literal, found \"" + printable(rest(), 20) + "\"");
}

Result<std::optional<std::string>> Scanner::nstring() {
  if (take_word("NIL")) return std::optional<std::string>();
  TRY(auto value, string());
  return std::optional<std::string>(std::move(value));
}

Result<std::string> Scanner::list_mailbox() {
  if (peek() == '"' || peek() == '{') return string();
  const auto value = run(is_list_char);
  if (value.empty()) return permanent("expected a mailbox name or pattern");
  return std::string(value);
}

Result<std::string> Scanner::quoted() {
  ++position_;
  std::string value;
  for (; position_ < text_.size(); ++position_) {
    char c = text_[position_];
    if (c == '"') {
      ++position_;
      return value;
    }
    if (c == '\\') {
      if (++position_ >= text_.size()) break;
      c = text_[position_];
      if (c != '"' && c != '\\') return permanent("only \\\" and \\\\ may be escaped in a quoted string");
    }
    if (c == '\r' || c == '\n' || c == '\0') return permanent("a quoted string holds a control character");
    value += c;
  }
  return permanent("a quoted string does not end");
}

Result<std::string> Scanner::literal() {
  const auto close = rest().find('}');
  if (close == std::string_view::npos) return permanent("a literal's length does not end");
  auto digits = rest().substr(1, close - 1);
  if (digits.ends_with('+')) digits.remove_suffix(1);
  const auto size = to_number<std::uint64_t>(digits);
  if (!size) return permanent("a literal's length is no number");
  skip(close + 1);
  take('\r');
  if (!take('\n')) return permanent("a literal's length must end its line");
  if (*size > rest().size()) return permanent("a literal is cut short");
  const auto value = rest().substr(0, *size);
  if (value.find('\0') != std::string_view::npos) return permanent("a literal here must not hold NUL");
  skip(*size);
  return std::string(value);
}

Result<std::uint64_t> Scanner::number64() {
  const auto digits = run(is_digit);
  const auto value = to_number<std::uint64_t>(digits);
  if (!value || *value > INT64_MAX) return permanent("expected a number");
  return *value;
}

Result<std::uint32_t> Scanner::number() {
  const auto digits = run(is_digit);
  const auto value = to_number<std::uint32_t>(digits);
  if (!value) return permanent("expected a number below 4294967296");
  return *value;
}

Result<std::uint32_t> Scanner::nz_number() {
  TRY(const auto value, number());
  if (value == 0) return permanent("0 is not allowed here");
  return value;
}

}  // namespace waxwing::imap
