#include "common/mail/preview.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/charset.h"
#include "common/mail/parameters.h"
#include "common/mail/transfer_coding.h"

namespace waxwing::mail {

namespace {

constexpr std::size_t kLookAt = 64 * 1024;
// Nearly every preview is in the first KiB; where it is not, eight times as much is looked at.
constexpr std::size_t kLookFirst = 1024, kLookFurther = 8;
// Characters behind the preview that must be there too: an entity or a word that was cut off is among them.
constexpr std::size_t kMargin = 32;

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

// Lines without quotes ("> ...") and, where one is followed by a quote, the line that introduces it. Of a
// text that goes on, without the last line.
std::string without_quotes(std::string_view text, bool goes_on) {
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
  return goes_on ? out : out + held;
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

// Where the character with that number begins; the size when there are not so many.
std::size_t character_at(std::string_view text, std::size_t number) {
  std::size_t at = 0;
  for (; at < text.size(); ++at)
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && number-- == 0) break;
  return at;
}

std::string shortened(std::string text, std::size_t max_characters) {
  text.resize(character_at(text, max_characters));
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

// The part's text, from its beginning; goes_on: there is more, and what is here ends with a whole word.
std::string beginning_of(const Mime& mime, const MimePart& part, std::size_t bytes, bool& goes_on) {
  auto decoded = decoded_part(mime, part, bytes);
  goes_on = decoded.truncated && bytes < kLookAt;
  // To tell the charset, no character may be cut in two.
  if (goes_on) decoded.bytes.resize(decoded.bytes.find_last_of(" \n") + 1);
  const auto charset = parse_parameters(part.content_type).get("charset");
  return to_utf8_or_guess(decoded.bytes, charset.empty() ? "us-ascii" : charset);
}

}  // namespace

std::string preview_text(const Mime& mime, std::size_t max_characters) {
  const auto* part = first_text(mime, "plain");
  const bool plain = part != nullptr;
  if (!plain) part = first_text(mime, "html");
  if (part == nullptr) return "";
  for (auto bytes = kLookFirst;; bytes = std::min(bytes * kLookFurther, kLookAt)) {
    bool goes_on = false;
    const auto text = beginning_of(mime, *part, bytes, goes_on);
    const auto most = max_characters + kMargin;
    auto preview = squeezed(plain ? without_quotes(text, goes_on) : html_text(text), most);
    // A blank at the end is gone: one less is as much as there can be.
    if (goes_on && character_at(preview, most - 2) == preview.size()) continue;
    if (preview.empty() && plain) preview = squeezed(text, most);
    return shortened(std::move(preview), max_characters);
  }
}

}  // namespace waxwing::mail
