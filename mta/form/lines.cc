// wrapsmtplonglines, truncatesmtplonglines, linelength.
#include <algorithm>

#include "common/mail/header.h"
#include "common/mail/transfer_coding.h"
#include "mta/form/body_form.h"
#include "mta/form/edits.h"
#include "mta/form/whole_header.h"

namespace waxwing::mta::form {

namespace {

constexpr std::size_t kLongest = 998;  // RFC 5321 §4.5.3.1.6, without CRLF

// f(line without its end, its end)
template <class F>
void each_line(std::string_view text, const F& f) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto whole = text.substr(0, end == text.npos ? text.size() : end + 1);
    auto line = whole;
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    f(line, whole.substr(line.size()));
    text.remove_prefix(whole.size());
  }
}

// Where a line is cut: at its last blank that fits, else anywhere, but in no UTF-8 sequence.
std::size_t cut_at(std::string_view line) {
  const auto blank = line.substr(0, kLongest).find_last_of(" \t");
  if (blank != line.npos && blank > kLongest / 2) return blank + 1;
  auto at = kLongest;
  while (at > kLongest - 4 && (static_cast<unsigned char>(line[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

bool has_longer_line(std::string_view text, std::size_t length) {
  bool found = false;
  each_line(text, [&](auto line, auto) { found = found || line.size() > length; });
  return found;
}

}  // namespace

std::string fit_lines(std::string_view message, BodyForm::LongLines how) {
  std::string out;
  out.reserve(message.size() + 256);
  const auto body_at = scan_whole(message).size();
  bool in_header = true;
  each_line(message, [&](std::string_view line, std::string_view end) {
    in_header = in_header && static_cast<std::size_t>(line.data() - message.data()) < body_at;
    while (line.size() > kLongest) {
      const auto cut = cut_at(line);
      out.append(line.substr(0, cut));
      line.remove_prefix(cut);
      if (how == BodyForm::LongLines::truncate) line = {};
      // A header line that is wrapped goes on with a blank.
      else
        out.append("\r\n").append(in_header ? " " : "");
    }
    out.append(line).append(end);
  });
  return out;
}

std::string encode_long_lines(std::string_view message, std::size_t line_length,
                              const mail::MimeLimits& limits) {
  const auto mime = mail::parse_mime(message, limits);
  Edits edits(message);
  for (const auto& part : mime.parts) {
    using enum mail::TransferEncoding;
    const bool open = part.encoding == seven_bit || part.encoding == eight_bit || part.encoding == binary;
    // message/partial and its kin may have no encoding.
    if (part.kind != mail::MimePart::Kind::leaf || !open || is_sealed(mime, part) ||
        part.is("message", "*") || part.is("multipart", "*") ||
        !has_longer_line(mime.body_of(part), line_length))
      continue;
    const bool text = part.is("text", "*");
    std::vector<NewField> fields;
    if (part.parent < 0) fields.push_back({"MIME-Version", "1.0"});
    if (part.parent < 0 && part.content_type.data() == nullptr)
      fields.push_back({"Content-Type", "text/plain"});
    fields.push_back({"Content-Transfer-Encoding", text ? "quoted-printable" : "base64"});
    edits.replace(part.header_begin, part.body_begin, with_fields(mime.header_of(part), fields));
    auto body = text ? mail::encode_quoted_printable(mime.body_of(part))
                     : mail::encode_base64_lines(mime.body_of(part));
    // The line break before a boundary is the boundary's.
    if (part.parent >= 0 && !text && body.ends_with("\r\n")) body.resize(body.size() - 2);
    edits.replace(part.body_begin, part.end, body);
  }
  return edits.take();
}

}  // namespace waxwing::mta::form
