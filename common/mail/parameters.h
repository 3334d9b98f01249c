// Structured values with parameters: Content-Type, Content-Disposition (RFC 2045 §5.1, RFC 2183, RFC 2231).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace waxwing::mail {

struct Parameter {
  std::string name;       // lower case, without RFC 2231 marks
  std::string value{};    // bytes, quoting undone, continuations joined, percent-encoding undone
  std::string charset{};  // from name*=charset'lang'...; empty when plain
  std::string language{};
  bool extended = false;     // came in RFC 2231 percent-encoding
  std::string utf8() const;  // value as UTF-8, by charset, else RFC 2047 words (a common sin), else a guess
};

struct ParameterizedValue {
  std::string value;  // "text/plain", "attachment": as written, without comments and blanks
  std::vector<Parameter> parameters;
  const Parameter* find(std::string_view name) const;
  std::string_view get(std::string_view name) const&;  // its value, or empty
  std::string get(std::string_view name) &&;           // of a temporary: a copy
};

struct ParameterLimits {
  std::size_t max_parameters = 200;
  std::size_t max_value_bytes = 65536;
};

// Lenient, never fails: unquoted values may hold tspecials but ; and blanks, quotes may be missing at the
// end, the first of two parameters with one name counts.
ParameterizedValue parse_parameters(std::string_view value, const ParameterLimits& limits = {});

// Just one parameter without building the list; for boundary and charset. Not RFC 2231.
std::optional<std::string> plain_parameter(std::string_view value, std::string_view name);

}  // namespace waxwing::mail
