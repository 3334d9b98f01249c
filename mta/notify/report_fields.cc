#include "mta/notify/report_fields.h"

#include <fmt/format.h>
#include <unicode/utf8.h>

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/header.h"

namespace waxwing::mta::notify {

using mail::is_ascii;

std::string one_line(std::string_view text, std::size_t max_bytes) {
  std::string line(text.substr(0, max_bytes));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = ' ';
  return line;
}

std::string plain_ascii(std::string_view text) {
  std::string line = one_line(text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) >= 128) c = '?';
  return line;
}

std::string typed_address(std::string_view type, std::string_view address, bool utf8) {
  const auto line = one_line(address);
  if (is_ascii(line)) return std::string(type) + ";" + line;
  if (utf8) return "utf-8;" + line;
  std::string out = "utf-8;";
  for (std::size_t at = 0; at < line.size();) {
    const auto start = at;
    UChar32 code = 0;
    auto next = static_cast<std::int32_t>(at);
    U8_NEXT(line.data(), next, static_cast<std::int32_t>(line.size()), code);
    at = static_cast<std::size_t>(next);
    if (code >= 0 && code < 0x80 && line[start] != '\\' && line[start] != '+' && line[start] != '=')
      out += line[start];
    else
      out += fmt::format("\\x{{{:X}}}", code < 0 ? 0xFFFD : code);
  }
  return out;
}

std::string original_recipient(std::string_view original, bool utf8) {
  const auto semicolon = original.find(';');
  if (semicolon == original.npos) return typed_address("rfc822", original, utf8);
  return typed_address(one_line(original.substr(0, semicolon)), original.substr(semicolon + 1), utf8);
}

namespace {
// A value that is too long ends with a whole character.
std::string sample_of(std::string_view value, bool decode_words) {
  constexpr std::size_t kMost = 300;
  if (!decode_words) return plain_ascii(mail::unfold(value).substr(0, kMost));
  auto text = one_line(mail::decoded_text(value));
  if (text.size() <= kMost) return text;
  auto end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}
}  // namespace

std::string header_sample(std::string_view header, bool decode_words) {
  const auto block = mail::HeaderBlock::scan(header);
  std::string lines;
  for (const char* name : {"Message-ID", "Date", "From", "To", "Subject"})
    if (const auto value = block.value(name))
      lines += fmt::format("  {}: {}\n", name, sample_of(*value, decode_words));
  return lines;
}

std::string text_header(const Templates& templates, std::string_view text) {
  if (is_ascii(text)) return std::string(templates.part_header());
  std::string header = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";
  for (auto rest = templates.part_header(); !rest.empty();) {
    const auto line = trim(take_until(rest, '\n'));
    if (istarts_with(line, "Content-Language:")) header += std::string(line) + "\r\n";
  }
  return header;
}

}  // namespace waxwing::mta::notify
