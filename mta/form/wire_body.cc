#include "mta/form/wire_body.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/transfer_coding.h"

namespace waxwing::mta::form {

namespace {

constexpr std::size_t kMostLineBytes = 998;  // RFC 5322 §2.1.1

std::string crlf_lines(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n' && (at == 0 || text[at - 1] != '\r')) out += '\r';
    out += text[at];
  }
  return out;
}

bool has_boundary(std::string_view text, const std::vector<std::string>& boundaries) {
  return std::ranges::any_of(boundaries, [&](const auto& boundary) {
    const auto line = "--" + boundary;
    for (auto at = text.find(line); at != text.npos; at = text.find(line, at + 1))
      if (at == 0 || text[at - 1] == '\n') return true;
    return false;
  });
}

// Lines as they may stand in a message; wide: 8-bit bytes too.
bool is_plain(std::string_view text, bool wide) {
  std::size_t line = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == 0 || (c >= 128 && !wide)) return false;
    if (c == '\r' && (at + 1 == text.size() || text[at + 1] != '\n')) return false;
    if (c == '\n' && (at == 0 || text[at - 1] != '\r')) return false;
    line = c == '\n' ? 0 : line + 1;
    if (line > kMostLineBytes + 1) return false;
  }
  return true;
}

WireBody base64(std::string_view content) {
  auto lines = mail::encode_base64_lines(content);
  if (lines.ends_with("\r\n")) lines.resize(lines.size() - 2);  // the break before a boundary does
  return {"base64", std::move(lines)};
}

}  // namespace

WireBody wire_body(std::string content, bool text, std::string_view wanted,
                   const std::vector<std::string>& boundaries) {
  if (text) content = crlf_lines(content);
  const bool split = has_boundary(content, boundaries);
  const bool any = wanted.empty() || iequals(wanted, "none");
  if (iequals(wanted, "base64") || (!text && any)) return base64(content);
  if ((any || iequals(wanted, "7bit")) && !split && is_plain(content, false))
    return {"7bit", std::move(content)};
  if (iequals(wanted, "8bit") && !split && is_plain(content, true)) return {"8bit", std::move(content)};
  if (!text) return base64(content);
  auto quoted = mail::encode_quoted_printable(content);
  if (has_boundary(quoted, boundaries)) return base64(content);
  return {"quoted-printable", std::move(quoted)};
}

}  // namespace waxwing::mta::form
