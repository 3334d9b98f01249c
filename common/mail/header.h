// Header blocks: RFC 5322 §2.2, found by one pass over the bytes, nothing copied. All views point into the
// scanned bytes and live as long as these do (a memory map, for instance).
//
// Lines end in CRLF; a bare LF is taken as a line end too (old spools), a bare CR is data. The block ends
// at the first empty line or, in a damaged message, at the first line that is neither a field nor a
// continuation: that line is body. Names match case-blind.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace waxwing::mail {

struct HeaderField {
  std::string_view raw;    // name to the end of the last line, line end included
  std::string_view name;   // without the colon and blanks before it
  std::string_view value;  // after the colon; leading blanks and the last line end removed, folds inside
};

struct HeaderLimits {
  std::size_t max_bytes = 1 << 20;  // of the block; what comes after is treated as body
  std::size_t max_fields = 10000;
};

class HeaderBlock {
 public:
  // bytes starts at the first header byte and may go on past the block (a whole message).
  static HeaderBlock scan(std::string_view bytes, const HeaderLimits& limits = {});
  // The same, ending also before a line that begins with "--" and for which stop answers true: the header
  // of a MIME part may run into the boundary of the multipart around it.
  using Stop = std::function<bool(std::string_view line)>;
  static HeaderBlock scan_part(std::string_view bytes, const HeaderLimits& limits, const Stop& stop);

  const std::vector<HeaderField>& fields() const { return fields_; }
  std::string_view text() const { return text_; }  // the fields, without the empty line
  std::size_t size() const { return size_; }       // with the empty line: where the body begins
  bool has_empty_line() const { return size_ > text_.size(); }
  bool limited() const { return limited_; }     // a limit cut it short
  std::size_t lines() const { return lines_; }  // line ends in [0, size())

  const HeaderField* find(std::string_view name) const;                // the first one
  std::optional<std::string_view> value(std::string_view name) const;  // of the first one, folded

 private:
  static HeaderBlock scan_until(std::string_view bytes, const HeaderLimits& limits, const Stop* stop);

  std::vector<HeaderField> fields_;
  std::string_view text_;
  std::size_t size_ = 0, lines_ = 0;
  bool limited_ = false;
};

// Line ends before blanks removed (RFC 5322 §2.2.3), stray CR and LF turned into blanks, ends trimmed.
std::string unfold(std::string_view value);
// Unfolded and, where possible, RFC 2047-decoded to UTF-8; never holds CR, LF or NUL.
std::string decoded_text(std::string_view value);

// `Name: value` folded at blanks to lines of at most 78 bytes where blanks allow, with CRLF. value must be
// one line; CR and LF in it become blanks (no header can be smuggled in).
std::string format_field(std::string_view name, std::string_view value);

}  // namespace waxwing::mail
