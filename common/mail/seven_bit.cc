#include "common/mail/seven_bit.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/transfer_coding.h"

namespace waxwing::mail {

namespace {

constexpr std::size_t kLongestLine = 998;  // RFC 5321 §4.5.3.1.6, without CRLF

bool is_eight_bit(char c) {
  return static_cast<unsigned char>(c) > 127 || c == '\0';
}

bool has_long_line(std::string_view body) {
  for (std::size_t at = 0; at < body.size();) {
    const auto end = std::min(body.find('\n', at), body.size());
    if (end - at > kLongestLine + 1) return true;
    at = end + 1;
  }
  return false;
}

// A CR or LF that is no part of a CRLF.
bool has_bare_end(std::string_view body) {
  for (std::size_t at = body.find_first_of("\r\n"); at != std::string_view::npos;
       at = body.find_first_of("\r\n", at + 2))
    if (body.substr(at, 2) != "\r\n") return true;
  return false;
}

bool ends_in_empty_line(std::string_view header) {
  return header == "\r\n" || header == "\n" || header.ends_with("\n\r\n") || header.ends_with("\n\n");
}

class Converter {
 public:
  explicit Converter(const Mime& mime) : mime_(mime) {}

  SevenBitForm run() {
    for (std::size_t i = 0; i < mime_.parts.size() && why_.empty(); ++i) put_part(i);
    put_gap(mime_.message.size());
    if (!why_.empty()) return {false, {}, why_};
    return {true, std::move(out_), {}};
  }

 private:
  // How a part's body goes on, and what its header says of that.
  enum class Form { as_it_is, seven_bit, quoted_printable, base64, cleaned };

  void put_part(std::size_t index) {
    const MimePart& part = mime_.parts[index];
    put_gap(part.header_begin);
    const auto body = mime_.body_of(part);
    auto form = part.kind == MimePart::Kind::leaf ? form_of_leaf(part, body) : form_of_container(part);
    // A label that says more than is there may stay: it is under the signature too.
    if (form == Form::seven_bit && is_signed(part)) form = Form::as_it_is;
    if (form != Form::as_it_is && is_signed(part)) why_ = "a part inside multipart/signed would change";
    put_header(part, form);
    at_ = part.body_begin;
    if (part.kind != MimePart::Kind::leaf) return;
    put_body(part, body, form);
    at_ = part.end;
  }

  static bool labelled_wide(const MimePart& part) {
    return part.encoding == TransferEncoding::eight_bit || part.encoding == TransferEncoding::binary;
  }

  static Form form_of_container(const MimePart& part) {
    return labelled_wide(part) ? Form::seven_bit : Form::as_it_is;
  }

  Form form_of_leaf(const MimePart& part, std::string_view body) {
    const bool no_lines =
        part.encoding == TransferEncoding::binary && (has_long_line(body) || has_bare_end(body));
    if (!has_eight_bit(body) && !no_lines) return labelled_wide(part) ? Form::seven_bit : Form::as_it_is;
    if (part.is("multipart", "*") || (part.is("message", "*") && !may_be_encoded(part))) {
      why_ = "a part of type " + to_lower(part.type) + "/" + to_lower(part.subtype) +
             " has 8-bit text and may have no encoding";
      return Form::as_it_is;
    }
    if (part.encoding == TransferEncoding::unknown) {
      why_ = "a part has 8-bit text in an encoding that is not known";
      return Form::as_it_is;
    }
    // Encoded already, with bytes in it that do not belong there.
    if (part.encoding == TransferEncoding::quoted_printable || part.encoding == TransferEncoding::base64)
      return Form::cleaned;
    return part.is("text", "*") ? Form::quoted_printable : Form::base64;
  }

  // RFC 6532 §3.5 and RFC 6533: the kinds made for UTF-8 may be encoded, the older ones may not.
  static bool may_be_encoded(const MimePart& part) { return istarts_with(part.subtype, "global"); }

  bool is_signed(const MimePart& part) const {
    for (auto at = part.parent; at >= 0; at = mime_.parts[static_cast<std::size_t>(at)].parent)
      if (mime_.parts[static_cast<std::size_t>(at)].is("multipart", "signed")) return true;
    return false;
  }

  // Boundaries, and the text before the first and behind the last part, which nobody reads.
  void put_gap(std::size_t until) {
    if (until <= at_) return;
    for (const char c : mime_.message.substr(at_, until - at_)) out_ += is_eight_bit(c) ? '?' : c;
    at_ = until;
  }

  void put_header(const MimePart& part, Form form) {
    const auto header = mime_.header_of(part);
    if (form == Form::as_it_is || form == Form::cleaned) {
      out_ += header;
      // A body that only its first bytes told from the header keeps apart without them too.
      if (part.body_size() && !ends_in_empty_line(header) && !is_signed(part)) out_ += "\r\n";
      return;
    }
    const auto block = HeaderBlock::scan(header);
    for (const auto& field : block.fields())
      if (!iequals(field.name, "Content-Transfer-Encoding")) out_ += field.raw;
    if (!out_.empty() && out_.back() != '\n') out_ += "\r\n";
    const bool top = part.parent < 0;
    if (top && !block.find("MIME-Version")) out_ += "MIME-Version: 1.0\r\n";
    if (top && part.content_type.data() == nullptr)
      out_ += std::string("Content-Type: text/plain; charset=") +
              (is_utf8(mime_.body_of(part)) ? "utf-8" : "unknown-8bit") + "\r\n";
    out_ += std::string("Content-Transfer-Encoding: ") +
            (form == Form::base64             ? "base64"
             : form == Form::quoted_printable ? "quoted-printable"
                                              : "7bit") +
            "\r\n\r\n";
  }

  void put_body(const MimePart& part, std::string_view body, Form form) {
    if (form == Form::quoted_printable) {
      out_ += encode_quoted_printable(body);
    } else if (form == Form::base64) {
      auto text = encode_base64_lines(body);
      // The line break before a boundary is the boundary's.
      if (part.parent >= 0 && text.ends_with("\r\n")) text.resize(text.size() - 2);
      out_ += text;
    } else if (form == Form::cleaned) {
      put_cleaned(body, part.encoding == TransferEncoding::base64);
    } else {
      out_ += body;
    }
  }

  // Decoders skip what is not of the alphabet; in quoted-printable a raw byte stands for itself.
  void put_cleaned(std::string_view body, bool base64) {
    std::size_t column = 0;
    for (const char c : body) {
      column = c == '\n' ? 0 : column + 1;
      if (!is_eight_bit(c)) {
        out_ += c;
      } else if (!base64) {
        (out_ += '=') += to_upper(to_hex(std::string_view(&c, 1)));
      }
      if (column < kLongestLine / 3) continue;
      out_ += base64 ? "\r\n" : "=\r\n";
      column = 0;
    }
  }

  const Mime& mime_;
  std::string out_, why_;
  std::size_t at_ = 0;  // bytes of the message that are done
};

}  // namespace

bool has_eight_bit(std::string_view bytes) {
  return std::ranges::any_of(bytes, is_eight_bit);
}

SevenBitForm to_seven_bit(std::string_view message, const MimeLimits& limits) {
  const auto mime = parse_mime(message, limits);
  return Converter(mime).run();
}

}  // namespace waxwing::mail
