#include "common/mail/address.h"

#include <array>
#include <utility>

#include "common/base/strings.h"
#include "common/mail/encoded_word.h"

namespace waxwing::mail {

namespace {

// What an unquoted word may be made of: everything but the specials of RFC 5322, blanks and controls.
// 8-bit bytes are word characters: UTF-8 by RFC 6532, and old mail that never asked.
constexpr auto kWordByte = [] {
  std::array<bool, 256> table{};
  for (int c = 33; c < 256; ++c) table[static_cast<std::size_t>(c)] = c != 127;
  for (const char c : std::string_view("()<>[]:;@\\,.\"")) table[static_cast<unsigned char>(c)] = false;
  return table;
}();

bool is_word_byte(char c) {
  return kWordByte[static_cast<unsigned char>(c)];
}

struct Token {
  enum class Kind { word, quoted, dot, at, literal };
  Kind kind;
  bool gap;  // blanks or a comment before it
  std::size_t begin, end;
};

bool is_line_end(char c) {
  return c == '\r' || c == '\n';
}

// A domain literal as written, line ends apart: without its backslashes it could end earlier when it is read
// again. The backslash of a line end goes with it, or it would be one of the byte behind.
std::string literal_text(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escapes = text[i] == '\\' && i + 1 < text.size();
    const auto piece = text.substr(i, escapes ? 2 : 1);
    if (!is_line_end(piece.back())) out += piece;
    if (escapes) ++i;
  }
  return out;
}

// Backslashes and line ends of a quoted string or comment undone.
std::string unquote(std::string_view inside) {
  std::string out;
  out.reserve(inside.size());
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '\\' && i + 1 < inside.size()) ++i;
    if (inside[i] != '\r' && inside[i] != '\n') out += inside[i];
  }
  return out;
}

// One pass over an address list. Tokens of the current element are gathered until the delimiter tells
// whether they were a display name, a group's name or an addr-spec.
class ListParser {
 public:
  ListParser(std::string_view text, const AddressLimits& limits) : text_(text), limits_(limits) {}

  AddressList run() {
    tokens_.reserve(16);
    while (!list_.truncated) {
      gather();
      if (at_ >= text_.size()) break;
      delimiter(text_[at_++]);
    }
    finish_element();
    if (in_group_) {
      list_.well_formed = false;
      add({.kind = Address::Kind::group_end});
    }
    return std::move(list_);
  }

 private:
  void delimiter(char c) {
    switch (c) {
      case ',':
        finish_element();
        break;
      case '<':
        angle();
        break;
      case ':':
        group_start();
        break;
      case ';':
        finish_element();
        if (in_group_)
          add({.kind = Address::Kind::group_end});
        else
          list_.well_formed = false;  // a semicolon for a comma
        in_group_ = false;
        break;
      default:
        list_.well_formed = false;  // ')' ']' '>' '\\' and controls out of place
    }
  }

  // Tokens up to the next character that is none.
  void gather() {
    bool gap = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const auto begin = at_;
      if (is_word_byte(c)) {
        do ++at_;
        while (at_ < text_.size() && is_word_byte(text_[at_]));
        tokens_.push_back({Token::Kind::word, gap, begin, at_});
      } else if (is_blank(c) || c == '\r' || c == '\n') {
        ++at_;
        gap = true;
        continue;
      } else if (c == '.' || c == '@') {
        ++at_;
        at_seen_ = at_seen_ || c == '@';
        tokens_.push_back({c == '.' ? Token::Kind::dot : Token::Kind::at, gap, begin, at_});
      } else if (c == '"') {
        if (!skip_enclosed('"')) continue;
        tokens_.push_back({Token::Kind::quoted, gap, begin, at_});
      } else if (c == '[') {
        if (!skip_enclosed(']')) continue;
        tokens_.push_back({Token::Kind::literal, gap, begin, at_});
      } else if (c == '(') {
        comment();
        gap = true;
        continue;
      } else {
        return;
      }
      gap = false;
    }
  }

  // False, and all text taken, when the closing character is missing: nothing is made of the rest.
  bool skip_enclosed(char closing) {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == closing) {
        ++at_;
        return true;
      }
    }
    at_ = text_.size();
    return fail();
  }

  void comment() {
    const auto begin = at_ + 1;
    std::size_t depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\\') {
        ++at_;
      } else if (c == '(') {
        ++depth;
      } else if (c == ')' && --depth == 0) {
        comment_ = text_.substr(begin, at_ - begin);
        ++at_;
        return;
      }
    }
    at_ = text_.size();
    list_.well_formed = false;
  }

  // Inside of a quoted token; tolerant of a missing end.
  std::string value(const Token& token) const {
    auto raw = text_.substr(token.begin, token.end - token.begin);
    if (token.kind != Token::Kind::quoted) return std::string(raw);
    raw.remove_prefix(1);
    if (!raw.empty() && raw.back() == '"') raw.remove_suffix(1);
    return unquote(raw);
  }

  std::string phrase() const {
    std::string out;
    for (const auto& token : tokens_) {
      if (token.gap && !out.empty()) out += ' ';
      out += value(token);
    }
    return out;
  }

  void add(Address address) {
    if (list_.items.size() >= limits_.max_addresses) {
      list_.truncated = true;
      return;
    }
    list_.items.push_back(std::move(address));
  }

  void group_start() {
    if (in_group_ || at_seen_ || tokens_.empty()) {
      list_.well_formed = false;
      return;
    }
    in_group_ = true;
    add({.kind = Address::Kind::group_start, .display_name = phrase()});
    reset();
  }

  void reset() {
    tokens_.clear();
    comment_ = {};
    element_done_ = at_seen_ = false;
  }

  void finish_element() {
    if (!tokens_.empty()) {
      if (element_done_) {
        list_.well_formed = false;  // words after <...>
      } else {
        Address address;
        if (addr_spec(address, 0)) {
          address.display_name = trimmed_comment();
          add(std::move(address));
        }
      }
    }
    reset();
  }

  std::string trimmed_comment() const { return unquote(trim(comment_)); }

  void angle() {
    if (element_done_) list_.well_formed = false;  // two <> in one element
    Address address{.display_name = phrase()};
    tokens_.clear();
    gather();
    std::size_t skip = 0;
    if (!tokens_.empty() && tokens_[0].kind == Token::Kind::at) skip = route(address);
    const bool closed = at_ < text_.size() && text_[at_] == '>';
    if (closed) ++at_;
    if (!closed) list_.well_formed = false;
    if (tokens_.size() <= skip) {
      list_.well_formed = false;  // <>
    } else if (addr_spec(address, skip) && !element_done_) {
      if (address.display_name.empty()) address.display_name = trimmed_comment();
      address.angled = true;
      add(std::move(address));
    }
    tokens_.clear();
    element_done_ = true;
  }

  // "@a,@b:" at the start of an angle address; answers how many tokens belong to it.
  std::size_t route(Address& address) {
    while (at_ < text_.size() && text_[at_] == ',') ++at_, gather();
    if (at_ >= text_.size() || text_[at_] != ':') return 0;
    for (const auto& token : tokens_) {
      if (token.kind == Token::Kind::at && !address.route.empty()) address.route += ',';
      address.route += text_.substr(token.begin, token.end - token.begin);
    }
    const auto count = tokens_.size();
    ++at_;
    gather();
    return count;
  }

  // Tokens from first on as local part, "@", domain. False when there is none to be had.
  bool addr_spec(Address& address, std::size_t first) {
    std::size_t at_sign = first, ats = 0;
    for (std::size_t i = first; i < tokens_.size(); ++i)
      if (tokens_[i].kind == Token::Kind::at && ats++ == 0) at_sign = i;
    if (ats > 1) return fail();
    if (ats == 0) at_sign = tokens_.size();
    const auto start = local_start(first, at_sign);
    // Words in front of a bare addr-spec are nobody's; several words and no "@" are no address.
    if (start != first) list_.well_formed = false;
    if (start != first && ats == 0) return false;
    if (start == at_sign) return fail();
    if (!collect(address.spec.local_part, start, at_sign, false)) return fail();
    address.begin = tokens_[start].begin;
    address.end = tokens_[at_sign - 1].end;
    if (ats == 0) return true;
    auto stop = at_sign + 1;
    while (stop < tokens_.size() && joins(stop, at_sign + 1)) ++stop;
    if (stop < tokens_.size()) list_.well_formed = false;
    if (!collect(address.spec.domain, at_sign + 1, stop, true)) return fail();
    address.end = tokens_[stop - 1].end;
    return true;
  }

  bool fail() {
    list_.well_formed = false;
    return false;
  }

  // True when token i continues the dotted row that began at first.
  bool joins(std::size_t i, std::size_t first) const {
    return i == first || tokens_[i].kind == Token::Kind::dot || tokens_[i - 1].kind == Token::Kind::dot ||
           !tokens_[i].gap;
  }

  std::size_t local_start(std::size_t first, std::size_t at_sign) const {
    auto start = at_sign;
    while (start > first) {
      if (start != at_sign && !joins(start, first)) break;
      --start;
    }
    return start;
  }

  // Words and dots of [from, to) in one string. Dots at the ends or doubled are let through and noted.
  bool collect(std::string& out, std::size_t from, std::size_t to, bool domain) {
    bool want_word = true;
    for (auto i = from; i < to; ++i) {
      const auto& token = tokens_[i];
      const bool dot = token.kind == Token::Kind::dot;
      if (domain && token.kind == Token::Kind::quoted) return false;
      if (!domain && token.kind == Token::Kind::literal) return false;
      if (dot == want_word) list_.well_formed = false;
      want_word = dot;
      out += token.kind == Token::Kind::literal
                 ? literal_text(text_.substr(token.begin, token.end - token.begin))
                 : value(token);
    }
    if (want_word) list_.well_formed = false;
    return from < to;
  }

  std::string_view text_;
  const AddressLimits& limits_;
  AddressList list_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
  std::string_view comment_;   // the last one of this element
  bool element_done_ = false;  // its <...> has been seen
  bool at_seen_ = false;
  bool in_group_ = false;
};

bool is_dot_atom(std::string_view text) {
  bool want_word = true;
  for (const char c : text) {
    if (c == '.') {
      if (want_word) return false;
      want_word = true;
    } else if (is_word_byte(c)) {
      want_word = false;
    } else {
      return false;
    }
  }
  return !want_word;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  }
  return out += '"';
}

}  // namespace

AddressList parse_address_list(std::string_view value, const AddressLimits& limits) {
  return ListParser(value, limits).run();
}

Result<AddrSpec> parse_addr_spec(std::string_view text) {
  // Nearly all are of this form, and mean the same to the grammar of lists.
  if (const auto at = text.find('@'); at != text.npos) {
    const auto local = text.substr(0, at), domain = text.substr(at + 1);
    if (is_dot_atom(local) && is_dot_atom(domain)) return AddrSpec{std::string(local), std::string(domain)};
  }
  auto list = parse_address_list(text, {.max_addresses = 2});
  const auto refuse = [&](const char* why) {
    return permanent("\"" + printable(text) + "\" is no mail address: " + why);
  };
  if (list.items.empty()) return refuse("write it as local-part@domain");
  if (list.items.size() > 1 || list.truncated) return refuse("exactly one address is wanted here");
  auto& address = list.items[0];
  if (!list.well_formed) return refuse("there is text that does not belong to an address");
  if (address.angled && !address.display_name.empty()) return refuse("no display name is allowed here");
  if (address.spec.local_part.empty()) return refuse("the local part is empty");
  return std::move(address.spec);
}

std::string AddrSpec::text() const {
  return format_addr_spec(local_part, domain);
}

std::string format_addr_spec(std::string_view local_part, std::string_view domain) {
  std::string out = local_part.empty() && domain.empty() ? std::string()
                    : is_dot_atom(local_part)            ? std::string(local_part)
                                                         : quoted(local_part);
  if (!domain.empty()) (out += '@') += domain;
  return out;
}

std::string format_phrase(std::string_view display_name) {
  if (!is_ascii(display_name)) return encode_words(display_name, true);
  for (const char c : display_name)
    if (!is_word_byte(c) && c != ' ') return quoted(display_name);
  // Blanks at the ends or in a row would be lost outside quotes.
  if (display_name != trim(display_name) || display_name.find("  ") != std::string_view::npos)
    return quoted(display_name);
  return std::string(display_name);
}

bool is_ascii(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

}  // namespace waxwing::mail
