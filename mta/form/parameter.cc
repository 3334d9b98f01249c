#include "mta/form/parameter.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/charset.h"

namespace waxwing::mta::form {

namespace {
bool is_token(char c) {  // RFC 2045 §5.1
  return c > ' ' && c < 127 && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}
bool is_plain(char c) {
  return c >= ' ' && c < 127;
}
}  // namespace

std::string format_parameter(std::string_view name, std::string_view utf8_value) {
  std::string out = "; ";
  out += name;
  if (!utf8_value.empty() && std::ranges::all_of(utf8_value, is_token)) return (out += '=') += utf8_value;
  if (std::ranges::all_of(utf8_value, is_plain)) {
    out += "=\"";
    for (const char c : utf8_value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out += '"';
  }
  out += "*=UTF-8''";
  for (const char c : mail::valid_utf8(utf8_value)) {
    if (is_alnum(c) || c == '-' || c == '.' || c == '_')
      out += c;
    else
      (out += '%') += to_upper(to_hex(std::string_view(&c, 1)));
  }
  return out;
}

}  // namespace waxwing::mta::form
