#include "common/mail/transfer_coding.h"

#include <array>

#include "common/base/strings.h"

namespace waxwing::mail {

namespace {

constexpr auto kBase64Value = [] {
  std::array<signed char, 256> table{};
  table.fill(-1);
  const std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < digits.size(); ++i)
    table[static_cast<unsigned char>(digits[i])] = static_cast<signed char>(i);
  for (const char blank : std::string_view(" \t\r\n")) table[static_cast<unsigned char>(blank)] = -2;
  return table;
}();

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

Decoded decode_base64(std::string_view body, std::size_t max_bytes) {
  Decoded out;
  out.bytes.reserve(std::min(max_bytes, body.size() / 4 * 3 + 3));
  unsigned group = 0, digits = 0;
  for (const char c : body) {
    const int value = kBase64Value[static_cast<unsigned char>(c)];
    if (value < 0) {
      if (c == '=') {
        // Padding ends one encoded run; senders that concatenate runs are followed into the next.
        if (digits == 1) out.well_formed = false;
        group = digits = 0;
      } else if (value == -1) {
        out.well_formed = false;
      }
      continue;
    }
    group = group << 6 | static_cast<unsigned>(value);
    if (++digits == 1) continue;
    if (out.bytes.size() >= max_bytes) {
      out.truncated = true;
      return out;
    }
    out.bytes += static_cast<char>(group >> (digits == 2 ? 4 : digits == 3 ? 2 : 0));
    if (digits == 4) group = digits = 0;
  }
  if (digits != 0) out.well_formed = false;
  return out;
}

Decoded decode_quoted_printable(std::string_view body, std::size_t max_bytes) {
  Decoded out;
  out.bytes.reserve(std::min(max_bytes, body.size()));
  std::size_t at = 0;
  while (at < body.size()) {
    if (out.bytes.size() >= max_bytes) {
      out.truncated = true;
      return out;
    }
    const char c = body[at];
    if (is_blank(c)) {
      auto end = at;
      while (end < body.size() && is_blank(body[end])) ++end;
      const bool line_ends = end >= body.size() || body[end] == '\n' || body.substr(end, 2) == "\r\n";
      const auto kept = line_ends ? 0 : end - at, room = max_bytes - out.bytes.size();
      out.bytes.append(body, at, std::min(kept, room));
      if (kept > room) {
        out.truncated = true;
        return out;
      }
      at = end;
    } else if (c != '=') {
      out.bytes += c;
      ++at;
    } else if (at + 2 < body.size() && hex_digit(body[at + 1]) >= 0 && hex_digit(body[at + 2]) >= 0) {
      out.bytes += static_cast<char>(hex_digit(body[at + 1]) * 16 + hex_digit(body[at + 2]));
      at += 3;
    } else {
      auto end = at + 1;
      while (end < body.size() && is_blank(body[end])) ++end;
      if (end < body.size() && body[end] == '\r') ++end;
      if (end < body.size() && body[end] == '\n') {
        at = end + 1;  // soft line break
      } else if (end >= body.size()) {
        at = end;
      } else {
        out.well_formed = false;
        out.bytes += c;
        ++at;
      }
    }
  }
  if (out.bytes.size() > max_bytes) {
    out.bytes.resize(max_bytes);
    out.truncated = true;
  }
  return out;
}

Decoded decode_body(std::string_view body, TransferEncoding encoding, std::size_t max_bytes) {
  if (encoding == TransferEncoding::base64) return decode_base64(body, max_bytes);
  if (encoding == TransferEncoding::quoted_printable) return decode_quoted_printable(body, max_bytes);
  return {std::string(body.substr(0, max_bytes)), encoding != TransferEncoding::unknown,
          body.size() > max_bytes};
}

Decoded decoded_part(const Mime& mime, const MimePart& part, std::size_t max_bytes) {
  return decode_body(mime.body_of(part), part.encoding, max_bytes);
}

std::string encode_base64_lines(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() / 57 * 78 + 80);
  for (std::size_t at = 0; at < bytes.size(); at += 57) (out += to_base64(bytes.substr(at, 57))) += "\r\n";
  return out;
}

namespace {

// One line without its end, as quoted-printable of at most 76 columns a line.
void encode_line(std::string_view line, std::string& out) {
  std::size_t column = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool last = i + 1 == line.size();
    const bool plain = (c > ' ' && c < 127 && c != '=') || (is_blank(c) && !last);
    const std::size_t width = plain ? 1 : 3;
    if (column + width > (last ? 76U : 75U)) {
      out += "=\r\n";
      column = 0;
    }
    if (plain) {
      out += c;
    } else {
      (out += '=') += to_upper(to_hex(std::string_view(&c, 1)));
    }
    column += width;
  }
}

}  // namespace

std::string encode_quoted_printable(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 8);
  for (;;) {
    const auto end = bytes.find("\r\n");
    encode_line(bytes.substr(0, end), out);
    if (end == std::string_view::npos) return out;
    out += "\r\n";
    bytes.remove_prefix(end + 2);
  }
}

}  // namespace waxwing::mail
