#include "mta/form/address_text.h"

#include <span>

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/encoded_word.h"
#include "common/mail/header.h"

namespace waxwing::mta::form {

namespace {

using Kind = AddressToken::Kind;

// Where the bracketed thing that begins at `at` ends; comments nest, a backslash quotes.
std::size_t end_of(std::string_view value, std::size_t at) {
  const char open = value[at];
  const char close = open == '(' ? ')' : open == '<' ? '>' : open == '[' ? ']' : '"';
  bool in_quotes = false;
  std::size_t depth = 0;
  for (auto i = at; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\\') {
      ++i;
    } else if (open == '<' && c == '"') {
      in_quotes = !in_quotes;
    } else if (in_quotes) {
      continue;
    } else if (open == '(' && c == '(') {
      ++depth;
    } else if (c == close && i > at) {
      if (open != '(' || --depth == 0) return i + 1;
    }
  }
  return value.size();
}

bool is_atomic(char c) {
  constexpr std::string_view extra = "!#$%&'*+-/=?^_`{|}~";
  return is_alnum(c) || extra.find(c) != std::string_view::npos || static_cast<unsigned char>(c) > 127;
}

// Letters, digits and the like, with single blanks between them.
std::string stripped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_atomic(c))
      out += c;
    else if (is_blank(c) && !out.empty() && out.back() != ' ')
      out += ' ';
  }
  return std::string(trim(out));
}

bool is_one_comment(std::string_view text) {
  return text.size() >= 2 && text.front() == '(' && end_of(text, 0) == text.size() && text.back() == ')' &&
         text.find_first_of("\r\n") == std::string_view::npos;
}

// "Joe \"J\" User" of what stands in front of the angle bracket.
std::string name_of(std::span<const AddressToken> tokens) {
  std::string name;
  for (const auto& token : tokens) {
    if (token.kind == Kind::comment || token.kind == Kind::angle) continue;
    if (token.kind != Kind::quoted) {
      name += token.text;
      continue;
    }
    auto inside = token.text.substr(1);
    if (inside.ends_with('"')) inside.remove_suffix(1);
    for (std::size_t i = 0; i < inside.size(); ++i) {
      if (inside[i] == '\\' && i + 1 < inside.size()) ++i;
      name += inside[i];
    }
  }
  return std::string(trim(mail::decoded_text(name)));
}

class Rewriter {
 public:
  Rewriter(const AddressTexts& texts, const TextMaps& maps) : texts_(texts), maps_(maps) {}

  Result<std::string> run(std::string_view value) {
    const auto tokens = address_tokens(value);
    for (std::size_t begin = 0; begin < tokens.size();) {
      auto end = begin;
      while (end < tokens.size() && tokens[end].kind != Kind::separator) ++end;
      TRY_VOID(element(std::span(tokens).subspan(begin, end - begin)));
      if (end < tokens.size()) out_ += tokens[end++].text;
      begin = end;
    }
    return std::move(out_);
  }

 private:
  Result<> element(std::span<const AddressToken> tokens) {
    std::size_t angle = 0;
    while (angle < tokens.size() && tokens[angle].kind != Kind::angle) ++angle;
    const bool has_angle = angle < tokens.size();
    const auto before = tokens.first(has_angle ? angle : 0);
    TRY(const bool named, personal(before));
    for (const auto& token : tokens.subspan(named ? before.size() : 0)) TRY_VOID(put(token, has_angle));
    return {};
  }

  // The name in front of the bracket, when it changes: true. Comments among it stay behind it.
  Result<bool> personal(std::span<const AddressToken> before) {
    if (texts_.personal == Keep::as_it_is || before.empty()) return false;
    const auto name = name_of(before);
    if (name.empty()) return false;
    std::string fresh;
    if (texts_.personal == Keep::strip) fresh = stripped(name);
    if (texts_.personal == Keep::map) {
      TRY(fresh, maps_.personal(name));
    }
    if (fresh == name) return false;
    const auto first = before.front().text;
    out_ += first.substr(0, first.find_first_not_of(" \t\r\n"));
    if (const auto phrase = mail::format_phrase(mail::unfold(fresh)); !phrase.empty()) out_ += phrase + " ";
    for (const auto& token : before) {
      if (token.kind != Kind::comment) continue;
      TRY_VOID(put(token, true));
      out_ += ' ';
    }
    return true;
  }

  Result<> put(const AddressToken& token, bool has_angle) {
    if (token.kind == Kind::comment) return comment(token.text);
    if (token.kind == Kind::angle && token.text.size() > 2 && token.text.ends_with('>')) {
      ((out_ += '<') += styled(token.text.substr(1, token.text.size() - 2), texts_.style)) += '>';
    } else if (token.kind == Kind::text && !has_angle && texts_.style == AddressStyle::bang) {
      const auto bare = trim(token.text);
      const auto at = bare.empty() ? 0 : static_cast<std::size_t>(bare.data() - token.text.data());
      out_.append(token.text.substr(0, at)).append(styled(bare, texts_.style));
      out_ += token.text.substr(at + bare.size());
    } else {
      out_ += token.text;
    }
    return {};
  }

  Result<> comment(std::string_view text) {
    switch (texts_.comment) {
      case Keep::as_it_is:
        out_ += text;
        break;
      case Keep::omit:
        while (!out_.empty() && is_blank(out_.back())) out_.pop_back();
        out_ += ' ';
        break;
      case Keep::strip:
        out_ += "(" + stripped(text) + ")";
        break;
      case Keep::map: {
        TRY(const auto fresh, maps_.comment(text));
        out_ += is_one_comment(fresh) ? std::string_view(fresh) : text;
      }
    }
    return {};
  }

  const AddressTexts& texts_;
  const TextMaps& maps_;
  std::string out_;
};

}  // namespace

std::vector<AddressToken> address_tokens(std::string_view value) {
  std::vector<AddressToken> tokens;
  std::size_t text = 0, at = 0;
  const auto put = [&](Kind kind, std::size_t end) {
    if (at > text) tokens.push_back({Kind::text, value.substr(text, at - text)});
    tokens.push_back({kind, value.substr(at, end - at)});
    text = at = end;
  };
  while (at < value.size()) {
    switch (value[at]) {
      case '(':
        put(Kind::comment, end_of(value, at));
        break;
      case '<':
        put(Kind::angle, end_of(value, at));
        break;
      case '"':
        put(Kind::quoted, end_of(value, at));
        break;
      case ',':
      case ';':
      case ':':
        put(Kind::separator, at + 1);
        break;
      case '[':
        at = end_of(value, at);
        break;
      default:
        ++at;
    }
  }
  if (at > text) tokens.push_back({Kind::text, value.substr(text)});
  return tokens;
}

Result<std::string> with_texts(std::string_view value, const AddressTexts& texts, const TextMaps& maps) {
  return Rewriter(texts, maps).run(value);
}

std::string without_comments(std::string_view value) {
  std::string out;
  for (const auto& token : address_tokens(value))
    if (token.kind != Kind::comment) out += token.text;
  while (!out.empty() && is_blank(out.back())) out.pop_back();
  return out;
}

std::string styled(std::string_view address, AddressStyle style) {
  if (style == AddressStyle::source_route) return std::string(address);
  std::vector<std::string_view> route;
  if (address.starts_with('@')) {
    const auto colon = address.find(':');
    if (colon == std::string_view::npos) return std::string(address);
    for (const auto hop : split(address.substr(0, colon), ','))
      if (const auto name = trim(hop); name.size() > 1) route.push_back(name.substr(1));
    address.remove_prefix(colon + 1);
  }
  const auto spec = mail::parse_addr_spec(address);
  if (!spec || spec->domain.empty()) return std::string(address);
  // What has no route is an ordinary address with percent signs too.
  if (style == AddressStyle::percent) {
    if (route.empty()) return std::string(address);
    auto local = spec->local_part + "%" + spec->domain;
    for (auto hop = route.rbegin(); hop + 1 != route.rend(); ++hop) (local += '%') += *hop;
    return mail::format_addr_spec(local, route.front());
  }
  std::string path;
  for (const auto hop : route) (path += hop) += '!';
  return path + spec->domain + "!" + spec->local_part;
}

}  // namespace waxwing::mta::form
