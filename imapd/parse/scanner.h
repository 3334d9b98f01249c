// Scanner: the lexical ground of IMAP (RFC 9051 §9, RFC 3501 §9) over one complete command.
//
// The text is a command as the framer hands it over: literals stand in it as they came, "{5+}\r\nhello".
// Every function takes one token from the front or answers a permanent error that names what was expected;
// the position is then unspecified. Views point into the text. No I/O, no copies unless unquoting needs one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::imap {

// atom-char, and what astring, tag and list-mailbox add to or take from it.
bool is_atom_char(char c);
bool is_astring_char(char c);
bool is_list_char(char c);

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end() const { return position_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[position_]; }
  std::string_view rest() const { return text_.substr(position_); }
  std::size_t position() const { return position_; }
  void skip(std::size_t count) { position_ = std::min(position_ + count, text_.size()); }

  // One given character, or an error.
  Result<> expect(char c);
  Result<> space() { return expect(' '); }
  // Nothing may be left (one stray blank at the end is forgiven: several clients send it).
  Result<> end();
  // True and taken when it is there.
  bool take(char c);
  // A word in any case, followed by a character that cannot continue an atom.
  bool take_word(std::string_view word);

  Result<std::string_view> tag();
  Result<std::string_view> atom();
  // The letters of a command, an item or a search key: atom characters, cut at [ too.
  Result<std::string_view> word();
  Result<std::string> astring();
  Result<std::string> string();  // quoted or literal
  Result<std::optional<std::string>> nstring();
  Result<std::string> list_mailbox();
  Result<std::uint32_t> number();
  Result<std::uint32_t> nz_number();
  Result<std::uint64_t> number64();  // up to 2^63-1

 private:
  template <class Allowed>
  std::string_view run(Allowed allowed);
  Result<std::string> quoted();
  Result<std::string> literal();

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace waxwing::imap
