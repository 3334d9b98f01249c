// Base64, Quoted-Printable, Uuencode, and Record,Text=n: how the bytes of parts are written, and how long lines are.
#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/transfer_coding.h"
#include "mta/form/edits.h"
#include "mta/form/reformat.h"
#include "mta/form/wire_body.h"

namespace waxwing::mta::form {

namespace {

using Coding = Reformat::Coding;

Coding coding_of(const mail::MimePart& part) {
  if (part.encoding == mail::TransferEncoding::base64) return Coding::base64;
  if (part.encoding == mail::TransferEncoding::quoted_printable) return Coding::quoted_printable;
  return is_uuencoded(part) ? Coding::uuencode : Coding::as_it_is;
}

// A name that cannot end its line.
std::string file_name(const ConversionPart& part) {
  auto name = part.content_disposition.find("filename") ? part.content_disposition.get("filename")
                                                        : part.content_type.get("name");
  std::string out;
  for (const char c : name.substr(0, 100)) out += c > ' ' && c < 127 ? c : '_';
  return out;
}

// A line break that stands before a boundary is the boundary's.
std::string without_end(std::string text, bool in_multipart) {
  if (in_multipart && text.ends_with("\r\n")) text.resize(text.size() - 2);
  return text;
}

// Empty: the part stays as it is.
std::optional<WireBody> in_coding(const mail::Mime& mime, const ConversionPart& part, Coding wanted) {
  const auto& place = mime.parts[part.index];
  const auto is = coding_of(place);
  if (is == Coding::as_it_is || is == wanted) return std::nullopt;
  // RFC 2046 wants these as they are.
  if (part.type == "message" || part.type == "multipart") return std::nullopt;
  // Quoted-printable is for lines of text.
  if (wanted == Coding::quoted_printable && part.type != "text") return std::nullopt;
  auto bytes = is == Coding::uuencode ? decode_uuencoded(mime.body_of(place)) : text_of_part(mime, place);
  if (!bytes) return std::nullopt;
  if (wanted == Coding::uuencode)
    return WireBody{"x-uuencode", without_end(encode_uuencoded(*bytes, file_name(part)), place.parent >= 0)};
  const bool lines = wanted == Coding::quoted_printable;
  return wire_body(std::move(*bytes), lines, lines ? "quoted-printable" : "base64",
                   boundaries_around(mime, part.index));
}

// Lines at their last blank within columns; a longer word stays whole. Characters count, where the charset is UTF-8.
std::string wrapped(std::string_view text, std::size_t columns, bool utf8) {
  std::string out;
  out.reserve(text.size() + text.size() / columns * 2);
  std::size_t begin = 0, column = 0, blank = text.npos;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') {
      out.append(text.substr(begin, at + 1 - begin));
      begin = at + 1;
      column = 0;
      blank = text.npos;
      continue;
    }
    if (c == '\r') continue;
    if (!utf8 || (static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++column;
    if (column > columns && blank != text.npos && !is_blank(c)) {
      out.append(text.substr(begin, blank - begin)).append("\r\n");
      begin = blank + 1;
      column = 0;
      for (const char each : text.substr(begin, at + 1 - begin))
        column += !utf8 || (static_cast<unsigned char>(each) & 0xC0U) != 0x80U ? 1 : 0;
      blank = text.npos;
    }
    if (is_blank(c) && column > 1) blank = at;
  }
  return out.append(text.substr(begin));
}

const char* name_of(const mail::MimePart& part) {
  using enum mail::TransferEncoding;
  if (part.encoding == base64) return "base64";
  if (part.encoding == quoted_printable) return "quoted-printable";
  return part.encoding == eight_bit || part.encoding == binary ? "8bit" : "";
}

}  // namespace

std::string wrap_text(std::string_view message, std::size_t columns, const ReformatTools& tools) {
  const auto mime = mail::parse_mime(message);
  Edits edits(message);
  for (const auto& part : parts_of(mime)) {
    const auto& place = mime.parts[part.index];
    const auto charset = part.content_type.get("charset");
    if (part.type != "text" || part.subtype != "plain" || is_sealed(mime, place) ||
        is_wide_charset(charset) || iequals(part.content_type.get("format"), "flowed"))
      continue;
    const auto text = text_of_part(mime, place);
    if (!text) {
      tools.note(part.number, "its encoding is not known, or it is damaged: no line was wrapped");
      continue;
    }
    auto fresh = wrapped(*text, columns, iequals(charset, "utf-8"));
    if (fresh == *text) continue;
    const auto body = wire_body(std::move(fresh), true, name_of(place), boundaries_around(mime, part.index));
    edits.replace(place.header_begin, place.body_begin,
                  with_fields(mime.header_of(place),
                              {{"Content-Transfer-Encoding", body.encoding}, {"Content-MD5", ""}}));
    edits.replace(place.body_begin, place.end, body.bytes);
  }
  return edits.take();
}

std::string change_encodings(std::string_view message, Reformat::Coding coding) {
  const auto mime = mail::parse_mime(message);
  Edits edits(message);
  for (const auto& part : parts_of(mime)) {
    const auto& place = mime.parts[part.index];
    if (is_sealed(mime, place)) continue;
    const auto body = in_coding(mime, part, coding);
    if (!body) continue;
    edits.replace(place.header_begin, place.body_begin,
                  with_fields(mime.header_of(place), {{"Content-Transfer-Encoding", body->encoding}}));
    edits.replace(place.body_begin, place.end, body->bytes);
  }
  return edits.take();
}

}  // namespace waxwing::mta::form
