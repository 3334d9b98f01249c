#include "common/mail/imap_url.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/date.h"

namespace waxwing::mail {
namespace {

constexpr std::string_view kScheme = "imap://";
constexpr std::size_t kLeastTokenDigits = 32;  // RFC 4467 §10: enc-urlauth
constexpr std::size_t kMostTokenDigits = 256;

// uchar without its escapes, then what achar and bchar add.
bool is_plain(char c) {
  return is_alnum(c) || std::string_view("-._~!$'()*+,").find(c) != std::string_view::npos;
}
bool is_user_char(char c) {
  return is_plain(c) || c == '&' || c == '=';
}
bool is_path_char(char c) {
  return is_user_char(c) || c == ':' || c == '@' || c == '/';
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// Escapes undone; what must not stand there, escaped or plain, is an error.
Result<std::string> decode(std::string_view text, bool (*allowed)(char), std::string_view what) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '%') {
      if (!allowed(c)) return permanent("a character that must be escaped in the " + std::string(what));
      decoded += c;
      continue;
    }
    const auto byte = i + 2 < text.size() ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
    if (!byte || byte->size() != 1) return permanent("a broken escape in the " + std::string(what));
    if (is_control(byte->front())) return permanent("a control character in the " + std::string(what));
    decoded += byte->front();
    i += 2;
  }
  if (decoded.empty()) return permanent("an empty " + std::string(what));
  if (!is_utf8(decoded)) return permanent("what is no UTF-8 in the " + std::string(what));
  return decoded;
}

// Everything before the next of these characters.
std::string_view take_before(std::string_view& rest, std::string_view ends) {
  const auto piece = rest.substr(0, rest.find_first_of(ends));
  rest.remove_prefix(piece.size());
  return piece;
}

bool take_word(std::string_view& rest, std::string_view word) {
  if (!istarts_with(rest, word)) return false;
  rest.remove_prefix(word.size());
  return true;
}

Result<std::uint32_t> take_number(std::string_view& rest, bool zero_too, std::string_view what) {
  std::size_t digits = 0;
  while (digits < rest.size() && is_digit(rest[digits])) ++digits;
  const auto number = to_number<std::uint32_t>(rest.substr(0, digits));
  if (!number || (*number == 0 && !zero_too)) return permanent("no proper number after " + std::string(what));
  rest.remove_prefix(digits);
  return *number;
}

bool is_host_char(char c) {
  return is_alnum(c) || c == '-' || c == '.' || c == '_';
}
bool is_address_char(char c) {
  return is_digit(c) || c == ':' || c == '.' || (lower(c) >= 'a' && lower(c) <= 'f');
}

// "host", "host:port", "[2001:db8::1]:port".
Result<> host_and_port(std::string_view text, ImapUrl& url) {
  std::string_view host;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return permanent("a bracket without its end in the host");
    host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!std::ranges::all_of(host, is_address_char)) return permanent("no address between the brackets");
  } else {
    host = take_before(text, ":");
    if (!std::ranges::all_of(host, is_host_char)) return permanent("a character that no host name has");
  }
  if (host.empty() || host.size() > 255) return permanent("no proper host");
  url.host = to_lower(host);
  if (text.empty()) return {};
  const auto port = to_number<std::uint16_t>(text.substr(1));
  if (!text.starts_with(':') || !port || *port == 0) return permanent("no proper port after the host");
  url.port = *port;
  return {};
}

// What stands between "imap://" and the next slash. A wish for a mechanism is nothing to who is logged in already.
Result<> server(std::string_view text, ImapUrl& url) {
  if (const auto at = text.rfind('@'); at != text.npos) {
    auto person = text.substr(0, at);
    text.remove_prefix(at + 1);
    const auto user = take_before(person, ";");
    if (!user.empty()) {
      TRY(url.user, decode(user, is_user_char, "user"));
    }
    if (!person.empty()) {
      if (!take_word(person, ";AUTH=")) return permanent("something else than ;AUTH= after the user");
      if (person != "*") {
        TRY_VOID(decode(person, is_user_char, "mechanism"));
      }
    } else if (user.empty()) {
      return permanent("an empty user");
    }
  }
  return host_and_port(text, url);
}

// "Drafts;UIDVALIDITY=7/;UID=12".
Result<> message(std::string_view& rest, ImapUrl& url) {
  auto name = take_before(rest, ";?#");
  if (take_word(rest, ";UIDVALIDITY=")) {
    TRY(url.uidvalidity, take_number(rest, false, "UIDVALIDITY="));
    if (!take_word(rest, "/")) return permanent("it names no message");
  } else if (name.ends_with('/')) {
    name.remove_suffix(1);
  } else {
    return permanent("it names no message");
  }
  if (!take_word(rest, ";UID=")) return permanent("it names no message");
  TRY(url.mailbox, decode(name, is_path_char, "mailbox"));
  TRY(url.uid, take_number(rest, false, "UID="));
  return {};
}

// "/;SECTION=1.2/;PARTIAL=0.1024", each of them if it is there.
Result<> part(std::string_view& rest, ImapUrl& url) {
  constexpr std::string_view kPartial = ";PARTIAL=";
  bool slash = false;
  if (take_word(rest, "/;SECTION=")) {
    auto section = take_before(rest, ";?#");
    slash = istarts_with(rest, kPartial) && section.ends_with('/');
    if (slash) section.remove_suffix(1);
    TRY(url.section, decode(section, is_path_char, "section"));
  } else {
    slash = istarts_with(rest, "/;PARTIAL=");
    if (slash) rest.remove_prefix(1);
  }
  if (!slash) return {};
  rest.remove_prefix(kPartial.size());
  ImapUrl::Partial partial;
  TRY(partial.offset, take_number(rest, true, "PARTIAL="));
  if (take_word(rest, ".")) {
    TRY(partial.count, take_number(rest, false, "PARTIAL="));
  }
  url.partial = partial;
  return {};
}

Result<> access(std::string_view& rest, ImapUrl& url) {
  using Access = ImapUrl::Access;
  const auto who = take_before(rest, ":;?#");
  for (const auto& [word, kind] : {std::pair<std::string_view, Access>{"submit+", Access::submit},
                                   std::pair<std::string_view, Access>{"user+", Access::user}}) {
    if (!istarts_with(who, word)) continue;
    url.access = kind;
    TRY(url.access_user, decode(who.substr(word.size()), is_user_char, "access identifier"));
    return {};
  }
  if (iequals(who, "authuser")) url.access = Access::authuser;
  if (iequals(who, "anonymous")) url.access = Access::anonymous;
  if (url.access == Access::none) return permanent("an access identifier that is not known");
  return {};
}

// ":internal:91354a473744909de610943775f92038"
Result<> verifier(std::string_view& rest, ImapUrl& url) {
  if (!take_word(rest, ":")) return {};
  const auto name = take_before(rest, ":");
  const auto is_name_char = [](char c) { return is_alnum(c) || c == '-' || c == '.'; };
  if (name.empty() || name.size() > 40 || !std::ranges::all_of(name, is_name_char) || !take_word(rest, ":"))
    return permanent("no mechanism and token after the access identifier");
  const auto is_hex = [](char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); };
  if (rest.size() < kLeastTokenDigits || rest.size() > kMostTokenDigits || !std::ranges::all_of(rest, is_hex))
    return permanent("a token that is not 32 to 256 hexadecimal digits");
  url.mechanism = to_upper(name);
  url.token = std::string(rest);
  rest = {};
  return {};
}

// ";EXPIRE=...;URLAUTH=submit+ann:internal:..."
Result<> authorization(std::string_view& rest, std::size_t whole_bytes, ImapUrl& url) {
  if (take_word(rest, ";EXPIRE=")) {
    const auto when = parse_internet_date(take_before(rest, ";?#"));
    if (!when) return permanent("no date and time of RFC 3339 after EXPIRE=");
    url.expires = when->utc_seconds;
    if (!istarts_with(rest, ";URLAUTH=")) return permanent("EXPIRE= without URLAUTH=");
  }
  if (!take_word(rest, ";URLAUTH=")) return {};
  TRY_VOID(access(rest, url));
  url.signed_bytes = whole_bytes - rest.size();
  return verifier(rest, url);
}

}  // namespace

Result<ImapUrl> parse_imap_url(std::string_view text) {
  if (text.size() > kMostUrlBytes) return permanent("the URL is too long");
  auto rest = text;
  if (!take_word(rest, kScheme)) return permanent("the URL does not begin with imap://");
  ImapUrl url;
  const auto parse = [&]() -> Result<> {
    TRY_VOID(server(take_before(rest, "/"), url));
    if (!take_word(rest, "/")) return permanent("it names no message");
    TRY_VOID(message(rest, url));
    TRY_VOID(part(rest, url));
    TRY_VOID(authorization(rest, text.size(), url));
    if (!rest.empty()) return permanent("something that does not belong there at its end");
    return {};
  };
  if (const auto parsed = parse(); !parsed) return permanent("the URL is not right: " + parsed.error().text);
  return url;
}

}  // namespace waxwing::mail
