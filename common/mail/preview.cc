#include "common/mail/preview.h"

#include "common/base/strings.h"
#include "common/mail/charset.h"
#include "common/mail/parameters.h"
#include "common/mail/transfer_coding.h"

namespace waxwing::mail {

namespace {

constexpr std::size_t kLookAt = 64 * 1024;

bool is_attachment(const MimePart& part) {
  return istarts_with(parse_parameters(part.content_disposition).value, "attachment");
}

// The first text part of that kind; nothing inside attached messages.
const MimePart* first_text(const Mime& mime, std::string_view subtype) {
  for (const auto& part : mime.parts) {
    if (part.kind != MimePart::Kind::leaf || !part.is("text", subtype) || is_attachment(part)) continue;
    bool inside_message = false;
    for (auto up = part.parent; up >= 0; up = mime.parts[static_cast<std::size_t>(up)].parent)
      inside_message =
          inside_message || mime.parts[static_cast<std::size_t>(up)].kind == MimePart::Kind::message;
    if (!inside_message) return &part;
  }
  return nullptr;
}

void append_point(std::string& out, unsigned point) {
  if (point >= 0x80 || point < ' ') {
    if (point < ' ' || (point >= 0xD800 && point < 0xE000) || point > 0x10FFFF) return;
    if (point < 0x800) {
      out += static_cast<char>(0xC0 | point >> 6);
    } else {
      if (point >= 0x10000) {
        out += static_cast<char>(0xF0 | point >> 18);
        out += static_cast<char>(0x80 | (point >> 12 & 0x3F));
      } else {
        out += static_cast<char>(0xE0 | point >> 12);
      }
      out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    }
    out += static_cast<char>(0x80 | (point & 0x3F));
    return;
  }
  out += static_cast<char>(point);
}

// "&amp;" and the like at the front of text; answers bytes taken, 0 when it is none.
std::size_t entity(std::string_view text, std::string& out) {
  const auto end = text.substr(0, 12).find(';');
  if (end == std::string_view::npos || end < 2) return 0;
  const auto name = text.substr(1, end - 1);
  struct Named {
    std::string_view name, text;
  };
  static constexpr Named names[] = {{"amp", "&"},
                                    {"lt", "<"},
                                    {"gt", ">"},
                                    {"quot", "\""},
                                    {"apos", "'"},
                                    {"nbsp", " "},
                                    {"shy", ""},
                                    {"zwnj", ""},
                                    {"hellip", "\xE2\x80\xA6"},
                                    {"mdash", "\xE2\x80\x94"},
                                    {"ndash", "\xE2\x80\x93"}};
  for (const auto& known : names) {
    if (name != known.name) continue;
    out += known.text;
    return end + 1;
  }
  if (name[0] != '#') return 0;
  const bool hex = name.size() > 1 && lower(name[1]) == 'x';
  const auto point = to_number<unsigned>(name.substr(hex ? 2 : 1), hex ? 16 : 10);
  if (!point) return 0;
  append_point(out, *point == 160 ? ' ' : *point);
  return end + 1;
}

// The text between tags; scripts, styles, titles and comments left out.
std::string html_text(std::string_view html) {
  std::string out;
  std::size_t at = 0;
  while (at < html.size()) {
    if (html[at] == '&') {
      if (const auto size = entity(html.substr(at), out)) {
        at += size;
        continue;
      }
    }
    if (html[at] != '<') {
      out += html[at++];
      continue;
    }
    const auto rest = html.substr(at);
    std::string_view end_mark = ">";
    if (rest.starts_with("<!--")) end_mark = "-->";
    if (istarts_with(rest, "<style")) end_mark = "</style>";
    if (istarts_with(rest, "<script")) end_mark = "</script>";
    if (istarts_with(rest, "<title")) end_mark = "</title>";
    const auto end = ifind(rest, end_mark);
    if (end == std::string_view::npos) break;
    at += end + end_mark.size();
    out += ' ';
  }
  return out;
}

// Lines without quotes ("> ...") and, where one is followed by a quote, the line that introduces it.
std::string without_quotes(std::string_view text) {
  std::string out, held;
  while (!text.empty()) {
    const auto line = trim(take_until(text, '\n'));
    if (line.starts_with('>')) {
      if (held.ends_with(':')) held.clear();
      continue;
    }
    if (line.empty()) continue;
    if (line == "--") break;  // the signature
    (out += held) += ' ';
    held = line;
  }
  return out + held;
}

std::string squeezed(std::string_view text, std::size_t max_characters) {
  std::string out;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 127) {
      if (out.empty() || out.back() == ' ') continue;
    }
    if ((byte & 0xC0) != 0x80 && characters++ >= max_characters) break;
    out += byte <= ' ' || byte == 127 ? ' ' : c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

std::string preview_text(const Mime& mime, std::size_t max_characters) {
  const auto* part = first_text(mime, "plain");
  const bool plain = part != nullptr;
  if (!plain) part = first_text(mime, "html");
  if (part == nullptr) return "";
  const auto text = part_text_utf8(mime, *part, kLookAt);
  if (!plain) return squeezed(html_text(text), max_characters);
  auto preview = squeezed(without_quotes(text), max_characters);
  return preview.empty() ? squeezed(text, max_characters) : preview;
}

}  // namespace waxwing::mail
