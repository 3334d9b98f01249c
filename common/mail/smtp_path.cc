// The strict half of address.h: RFC 5321 paths, domains, literals, and RFC 3461 xtext.
#include <arpa/inet.h>

#include <array>

#include "common/base/strings.h"
#include "common/mail/address.h"

namespace waxwing::mail {

namespace {

bool is_8bit(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

constexpr auto kAtext = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 128; ++c) table[static_cast<std::size_t>(c)] = is_alnum(static_cast<char>(c));
  for (const char c : std::string_view("!#$%&'*+-/=?^_`{|}~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool is_atext(char c) {
  return kAtext[static_cast<unsigned char>(c)];
}

bool ends_domain(char c) {
  return c == '>' || c == ',' || c == ':' || c == ' ' || c == '@';
}

bool is_label(std::string_view label, bool utf8) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
  for (const char c : label)
    if (!is_alnum(c) && c != '-' && c != '_' && !(utf8 && is_8bit(c))) return false;
  return true;
}

// Reads one path from the front of text.
class PathReader {
 public:
  PathReader(std::string_view text, const SmtpPathOptions& options) : text_(text), options_(options) {}

  Result<SmtpPath> read() {
    SmtpPath path;
    const bool bracket = take('<');
    if (!bracket && !options_.loose_brackets) return permanent("the address must stand in <angle brackets>");
    if (bracket && take('>')) {
      if (!options_.null_path) return permanent("the empty path <> is not allowed here");
      path.consumed = at_;
      return path;
    }
    if (bracket && at('@')) TRY_VOID(route(path));
    TRY_VOID(local_part(path.spec.local_part));
    if (take('@')) {
      TRY_VOID(domain(path.spec.domain));
    } else if (!options_.bare_local_part && !iequals(path.spec.local_part, "postmaster")) {
      return permanent("the address lacks \"@\" and a domain");
    } else if (path.spec.local_part.empty()) {
      return permanent("the address is empty");  // "" alone would read as the null path
    }
    if (bracket && !take('>')) return permanent("\">\" is missing after the address");
    if (at_ < text_.size() && text_[at_] != ' ') return permanent("there is text right after the address");
    if (!is_utf8(path.spec.local_part) || !is_utf8(path.spec.domain))
      return permanent("the address is not valid UTF-8");
    path.consumed = at_;
    return path;
  }

 private:
  bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool take(char c) {
    if (!at(c)) return false;
    ++at_;
    return true;
  }

  Result<> route(SmtpPath& path) {
    const auto begin = at_;
    do {
      std::string ignored;
      if (!take('@')) return permanent("the source route is malformed");
      TRY_VOID(domain(ignored));
    } while (take(','));
    path.route = text_.substr(begin, at_ - begin);
    if (!take(':')) return permanent("\":\" is missing after the source route");
    return {};
  }

  Result<> local_part(std::string& out) {
    if (take('"')) {
      TRY_VOID(quoted_string(out));
    } else {
      const auto begin = at_;
      while (at_ < text_.size() && (is_atext(text_[at_]) || text_[at_] == '.' || is_8bit(text_[at_]))) {
        if (is_8bit(text_[at_]) && !options_.utf8)
          return permanent("non-ASCII addresses need SMTPUTF8 in MAIL FROM");
        ++at_;
      }
      out = text_.substr(begin, at_ - begin);
      if (out.empty()) return permanent("the local part is empty or begins with a forbidden character");
      if (out.front() == '.' || out.back() == '.' || out.find("..") != std::string::npos)
        return permanent("a dot in the local part must stand between other characters");
    }
    if (out.size() > options_.max_local_part) return permanent("the local part is too long");
    return {};
  }

  Result<> quoted_string(std::string& out) {
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == '"') {
        ++at_;
        return {};
      }
      if (c == '\\') {
        if (++at_ >= text_.size()) break;
        c = text_[at_];
      }
      if (is_8bit(c) && !options_.utf8) return permanent("non-ASCII addresses need SMTPUTF8 in MAIL FROM");
      if (c < ' ' && !is_8bit(c)) return permanent("control characters are not allowed in an address");
      if (c == 127) return permanent("control characters are not allowed in an address");
      out += c;
    }
    return permanent("the quoted local part has no closing quote");
  }

  Result<> domain(std::string& out) {
    const auto begin = at_;
    if (at('[')) {
      const auto close = text_.find(']', at_);
      if (close == std::string_view::npos) return permanent("\"]\" is missing after the address literal");
      at_ = close + 1;
    } else {
      while (at_ < text_.size() && !ends_domain(text_[at_])) ++at_;
    }
    out = text_.substr(begin, at_ - begin);
    if (out.size() > options_.max_domain) return permanent("the domain is too long");
    if (!is_ascii(out) && !options_.utf8) return permanent("non-ASCII domains need SMTPUTF8 in MAIL FROM");
    if (!is_smtp_domain(out, options_.utf8)) return permanent("\"" + printable(out) + "\" is no domain name");
    return {};
  }

  std::string_view text_;
  const SmtpPathOptions& options_;
  std::size_t at_ = 0;
};

}  // namespace

Result<SmtpPath> parse_smtp_path(std::string_view text, const SmtpPathOptions& options) {
  return PathReader(text, options).read();
}

bool is_smtp_domain(std::string_view text, bool utf8) {
  if (text.empty() || text.size() > 255) return false;
  if (text.front() == '[') return is_address_literal(text);
  if (utf8 && !is_utf8(text)) return false;
  for (;;) {
    const auto dot = text.find('.');
    if (!is_label(text.substr(0, dot), utf8)) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_address_literal(std::string_view text) {
  if (text.size() < 3 || text.size() > 255 || text.front() != '[' || text.back() != ']') return false;
  const auto inside = text.substr(1, text.size() - 2);
  const auto colon = inside.find(':');
  unsigned char address[16];
  if (colon == std::string_view::npos) return inet_pton(AF_INET, std::string(inside).c_str(), address) == 1;
  const auto tag = inside.substr(0, colon), content = inside.substr(colon + 1);
  if (iequals(tag, "IPv6")) return inet_pton(AF_INET6, std::string(content).c_str(), address) == 1;
  for (const char c : tag)
    if (!is_alnum(c) && c != '-') return false;
  for (const char c : content)
    if (c <= ' ' || c > '~' || (c >= '[' && c <= ']')) return false;
  return !tag.empty() && tag.back() != '-' && !content.empty();
}

Result<std::string> decode_xtext(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c < '!' || c > '~' || c == '=') return permanent("a character in xtext is not encoded as +XX");
    if (c != '+') {
      out += c;
      continue;
    }
    const auto digits = text.substr(i + 1, 2);
    const auto byte = from_hex(digits);
    if (digits.size() != 2 || !byte || digits != to_upper(digits))
      return permanent("\"+\" in xtext must be followed by two upper-case hexadecimal digits");
    out += *byte;
    i += 2;
  }
  return out;
}

std::string encode_xtext(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= '!' && c <= '~' && c != '+' && c != '=') {
      out += c;
    } else {
      (out += '+') += to_upper(to_hex(std::string_view(&c, 1)));
    }
  }
  return out;
}

}  // namespace waxwing::mail
