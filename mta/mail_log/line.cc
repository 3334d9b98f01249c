#include "mta/mail_log/line.h"

#include <algorithm>
#include <cstring>

#include "common/base/strings.h"

namespace waxwing::mta::mail_log {

namespace {

constexpr std::size_t kMostFieldBytes = 2000;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 32 || c == 127;
}

void append_code(std::string& out, std::string_view before, char c) {
  out.append(before).append(to_hex(std::string_view(&c, 1)));
}

// Only the bytes 32 to 126: nearly every value.
bool is_printable_ascii(std::string_view bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x80 * kOnes;
  // Of a byte below 128, adding 1 lifts only 127 over it, taking 32 away lets only the controls fall below 0.
  for (; bytes.size() >= sizeof kOnes; bytes.remove_prefix(sizeof kOnes)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), sizeof eight);
    if (((eight | (eight + kOnes) | (eight - 0x20 * kOnes)) & kHigh) != 0) return false;
  }
  return std::ranges::all_of(bytes, [](char c) { return c >= 32 && c < 127; });
}

// Control characters and broken UTF-8 as "\x0a".
void append_text(std::string& out, std::string_view value) {
  if (is_printable_ascii(value)) {
    out += value;
    return;
  }
  const bool utf8 = is_utf8(value);
  for (const char c : value)
    if (is_control(c) || (static_cast<unsigned char>(c) >= 128 && !utf8))
      append_code(out, "\\x", c);
    else
      out += c;
}

// UTF-8 stays; a value that is none, or has U+FFFE or U+FFFF in it, with which a line is no XML any more, is shown byte
// by byte; in both forms alike.
std::string utf8_of(std::string_view value) {
  const bool fits =
      is_utf8(value) && value.find("\xEF\xBF\xBE") == value.npos && value.find("\xEF\xBF\xBF") == value.npos;
  return fits ? std::string(value) : printable(value, value.size());
}

std::string_view xml_entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    default:
      return {};
  }
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
  out.append(" ").append(name).append("=\"");
  for (const char c : utf8_of(value)) {
    if (const auto entity = xml_entity(c); !entity.empty())
      out += entity;
    else if (is_control(c))
      append_code(out, "\\x", c);
    else
      out += c;
  }
  out += '"';
}

void append_json(std::string& out, std::string_view value) {
  out += '"';
  for (const char c : utf8_of(value)) {
    if (c == '"' || c == '\\')
      out.append("\\").push_back(c);
    else if (is_control(c))
      append_code(out, "\\u00", c);
    else
      out += c;
  }
  out += '"';
}

}  // namespace

Line::Line(std::string& out, std::int64_t format, std::string_view kind)
    : out_(out), format_(format), kind_(kind) {
  if (format_ == 4) out_.append("<").append(kind_);
  if (format_ < 5) return;
  out_ += "{\"ty\":";
  append_json(out_, kind_);
}

void Line::put(std::string_view name, std::string_view value, Look look) {
  value = value.substr(0, kMostFieldBytes);
  if (format_ < 4) return text(value, look);
  if (format_ == 4) return append_attribute(out_, name, value);
  out_.append(",\"").append(name).append("\":");
  append_json(out_, value);
}

void Line::text(std::string_view value, Look look) {
  if (!first_) out_ += ' ';
  first_ = false;
  const auto begin = out_.size();
  if (look == Look::brackets) out_ += '(';
  if (look == Look::quoted) out_ += '\'';
  append_text(out_, value);
  if (look == Look::brackets) out_ += ')';
  if (look == Look::quoted) out_ += '\'';
  if (look == Look::plain) return;
  const auto length = out_.size() - begin;
  if (format_ == 3) out_.insert(begin, std::to_string(length) + ":");
  if (format_ == 2 && length == 0) out_ += "<>";
}

void Line::end(const HeaderFields& header) {
  if (format_ == 4) return end_xml(header);
  if (format_ >= 5) return end_json(header);
  out_ += '\n';
  for (const auto& [name, value] : header) {
    out_ += "  ";
    append_text(out_, name);
    out_ += ": ";
    append_text(out_, value);
    out_ += '\n';
  }
}

void Line::end_xml(const HeaderFields& header) {
  if (header.empty()) {
    out_ += "/>\n";
    return;
  }
  out_ += ">";
  for (const auto& [name, value] : header) {
    out_ += "<he";
    append_attribute(out_, "na", name);
    append_attribute(out_, "va", value);
    out_ += "/>";
  }
  out_.append("</").append(kind_).append(">\n");
}

void Line::end_json(const HeaderFields& header) {
  if (!header.empty()) out_ += ",\"he\":";
  char before = '[';
  for (const auto& [name, value] : header) {
    out_ += before;
    out_ += '[';
    append_json(out_, name);
    out_ += ',';
    append_json(out_, value);
    out_ += ']';
    before = ',';
  }
  out_ += header.empty() ? "}\n" : "]}\n";
}

}  // namespace waxwing::mta::mail_log
