// Small functions over bytes. ASCII only and locale-free: protocol text is not natural language.
// "Field" here means bytes as they came; nothing assumes a terminating NUL. All are thread-safe.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace waxwing {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_alnum(char c) {
  return is_digit(c) || is_alpha(c);
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
bool iends_with(std::string_view text, std::string_view suffix);
// Position of needle in text ignoring ASCII case, or npos.
std::size_t ifind(std::string_view text, std::string_view needle);

// Without blanks, CR and LF at both ends.
std::string_view trim(std::string_view text);
// At every separator; empty pieces kept ("a,,b" gives three).
std::vector<std::string_view> split(std::string_view text, char separator);
// At runs of blanks; no empty pieces.
std::vector<std::string_view> split_words(std::string_view text);
// The part before the first separator; text becomes what follows it (empty when there was none).
std::string_view take_until(std::string_view& text, char separator);
std::string join(const std::vector<std::string>& pieces, std::string_view separator);
std::string replace_all(std::string text, std::string_view from, std::string_view to);

// The whole of text as a decimal number, or nothing: no sign for unsigned types, no blanks, no overflow.
template <class T>
std::optional<T> to_number(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::string to_hex(std::string_view bytes);  // lower case
std::optional<std::string> from_hex(std::string_view text);
std::string to_base64(std::string_view bytes);  // with padding, one line
// RFC 4648 §4, strict: padding required, no white space.
std::optional<std::string> from_base64(std::string_view text);

// For logs and error messages: control and 8-bit bytes as \xNN, at most max_bytes of input, then "...".
std::string printable(std::string_view bytes, std::size_t max_bytes = 200);

// True when every byte is valid UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view bytes);

// Hash and equality for maps keyed by case-blind text, looked up by string_view without a copy.
struct CaseBlindHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const;
};
struct CaseBlindEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return iequals(a, b); }
};
// The same for maps keyed by exact text.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

}  // namespace waxwing
