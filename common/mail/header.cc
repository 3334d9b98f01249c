#include "common/mail/header.h"

#include <cstring>

#include "common/base/strings.h"
#include "common/mail/encoded_word.h"

namespace waxwing::mail {

namespace {

// Position after the next LF, or the end.
std::size_t next_line(std::string_view bytes, std::size_t at) {
  const void* lf = std::memchr(bytes.data() + at, '\n', bytes.size() - at);
  return lf == nullptr ? bytes.size()
                       : static_cast<std::size_t>(static_cast<const char*>(lf) - bytes.data()) + 1;
}

bool is_empty_line(std::string_view line) {
  return line == "\r\n" || line == "\n";
}

// Length of the field name (RFC 5322 ftext) at the start of line when a colon follows it, blanks allowed in
// between; npos when this is no field. colon is where the colon stands.
std::size_t field_name(std::string_view line, std::size_t& colon) {
  std::size_t at = 0;
  while (at < line.size() && line[at] > ' ' && line[at] < 127 && line[at] != ':') ++at;
  const auto name = at;
  while (at < line.size() && is_blank(line[at])) ++at;
  if (name == 0 || at >= line.size() || line[at] != ':') return std::string_view::npos;
  colon = at;
  return name;
}

std::string_view without_line_end(std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

}  // namespace

HeaderBlock HeaderBlock::scan(std::string_view bytes, const HeaderLimits& limits) {
  return scan_until(bytes, limits, nullptr);
}

HeaderBlock HeaderBlock::scan_part(std::string_view bytes, const HeaderLimits& limits, const Stop& stop) {
  return scan_until(bytes, limits, &stop);
}

HeaderBlock HeaderBlock::scan_until(std::string_view bytes, const HeaderLimits& limits, const Stop* stop) {
  HeaderBlock block;
  const auto whole = bytes.size();
  bytes = bytes.substr(0, limits.max_bytes);
  block.fields_.reserve(24);
  std::size_t at = 0;
  while (at < bytes.size()) {
    auto end = next_line(bytes, at);
    const auto line = bytes.substr(at, end - at);
    if (is_empty_line(line)) {
      block.text_ = bytes.substr(0, at);
      block.size_ = end;
      ++block.lines_;
      return block;
    }
    std::size_t colon = 0;
    const auto name = field_name(line, colon);
    if (stop != nullptr && line.starts_with("--") && (*stop)(line)) break;
    block.limited_ = block.fields_.size() >= limits.max_fields;
    if (name == std::string_view::npos || block.limited_) break;
    std::size_t lines = line.back() == '\n' ? 1 : 0;
    while (end < bytes.size() && is_blank(bytes[end])) {
      end = next_line(bytes, end);
      lines += bytes[end - 1] == '\n' ? 1 : 0;
    }
    if (end == bytes.size() && end < whole && bytes[end - 1] != '\n') {
      block.limited_ = true;  // the limit fell inside this field
      break;
    }
    auto value = without_line_end(bytes.substr(at + colon + 1, end - at - colon - 1));
    while (!value.empty() && is_blank(value.front())) value.remove_prefix(1);
    block.fields_.push_back({bytes.substr(at, end - at), line.substr(0, name), value});
    block.lines_ += lines;
    at = end;
  }
  block.limited_ = block.limited_ || (at == bytes.size() && at < whole);
  block.text_ = bytes.substr(0, at);
  block.size_ = at;
  return block;
}

const HeaderField* HeaderBlock::find(std::string_view name) const {
  for (const auto& field : fields_)
    if (iequals(field.name, name)) return &field;
  return nullptr;
}

std::optional<std::string_view> HeaderBlock::value(std::string_view name) const {
  const auto* field = find(name);
  return field == nullptr ? std::nullopt : std::optional(field->value);
}

std::string unfold(std::string_view value) {
  std::string out;
  value = trim(value);
  out.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c != '\r' && c != '\n') {
      out += c;
      continue;
    }
    if (c == '\r' && i + 1 < value.size() && value[i + 1] == '\n') ++i;
    // The blank that made it a fold stays; a stray line end in the middle becomes one.
    if (i + 1 < value.size() && !is_blank(value[i + 1])) out += ' ';
  }
  return out;
}

std::string decoded_text(std::string_view value) {
  auto text = decode_words(unfold(value));
  for (char& c : text)
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  return text;
}

std::string format_field(std::string_view name, std::string_view value) {
  constexpr std::size_t kWidth = 78;
  std::string clean(trim(value));
  for (char& c : clean)
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  std::string out(name);
  out += ':';
  std::size_t column = out.size(), at = 0;
  while (at < clean.size()) {
    // One word with the blanks before it; a row of blanks is never left alone on a line.
    auto end = at;
    while (end < clean.size() && is_blank(clean[end])) ++end;
    while (end < clean.size() && !is_blank(clean[end])) ++end;
    const bool blank_first = is_blank(clean[at]);
    const auto width = end - at + (blank_first ? 0 : 1);
    if (column + width > kWidth && column > name.size() + 1) {
      out += "\r\n";
      column = 0;
    }
    if (!blank_first) out += ' ';
    out.append(clean, at, end - at);
    column += width;
    at = end;
  }
  return out += "\r\n";
}

}  // namespace waxwing::mail
