#include "t/fuzz/frame/imap_value.h"

#include "common/base/strings.h"

namespace waxwing::fuzz {

namespace {

bool skip_quoted(std::string_view& text) {
  for (text.remove_prefix(1); !text.empty(); text.remove_prefix(1)) {
    const char c = text.front();
    if (c == '\r' || c == '\n' || static_cast<unsigned char>(c) >= 0x80) return false;
    if (c == '"') {
      text.remove_prefix(1);
      return true;
    }
    if (c == '\\') text.remove_prefix(1);
    if (text.empty()) return false;
  }
  return false;
}

bool skip_literal(std::string_view& text) {
  const auto end = text.find("}\r\n");
  const auto size = to_number<std::size_t>(text.substr(1, end == std::string_view::npos ? 0 : end - 1));
  if (!size || text.size() - end - 3 < *size) return false;
  text.remove_prefix(end + 3 + *size);
  return true;
}

}  // namespace

bool is_imap_list(std::string_view text) {
  if (!text.starts_with('(') || text.find('\0') != std::string_view::npos) return false;
  std::size_t depth = 0;
  do {
    const char c = text.front();
    if (c == '"') {
      if (!skip_quoted(text)) return false;
    } else if (c == '{') {
      if (!skip_literal(text)) return false;
    } else {
      if (c == '(') ++depth;
      if (c == ')') --depth;
      if (c != '(' && c != ')' && c != ' ' && !is_alnum(c)) return false;
      text.remove_prefix(1);
    }
  } while (depth > 0 && !text.empty());
  return depth == 0 && text.empty();
}

}  // namespace waxwing::fuzz
