#include "common/mail/threading.h"

#include <unordered_set>

#include "common/base/strings.h"
#include "common/mail/address.h"

namespace waxwing::mail {

namespace {

// Tabs and line ends as blanks, runs of blanks as one, none at the ends (RFC 5256 §2.1 step 1).
std::string squeezed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = is_blank(c) || c == '\r' || c == '\n';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

void trim_front(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
}

// "[blob]" and the blanks after it; 0 when there is none at the front.
std::size_t blob_size(std::string_view text) {
  if (!text.starts_with('[')) return 0;
  const auto end = text.find_first_of("[]", 1);
  if (end == std::string_view::npos || text[end] != ']') return 0;
  auto size = end + 1;
  while (size < text.size() && text[size] == ' ') ++size;
  return size;
}

// "re" / "fw" / "fwd", an optional blob, ":".
std::size_t refwd_size(std::string_view text) {
  std::size_t size = 0;
  for (const std::string_view word : {"fwd", "re", "fw"}) {
    if (!istarts_with(text, word)) continue;
    size = word.size();
    break;
  }
  if (size == 0) return 0;
  while (size < text.size() && text[size] == ' ') ++size;
  size += blob_size(text.substr(size));
  return size < text.size() && text[size] == ':' ? size + 1 : 0;
}

// Leading blobs, replies and forwards (steps 3 to 5). Blobs go alone too, but never the last thing there is.
void strip_leaders(std::string_view& text, bool& refwd) {
  for (;;) {
    trim_front(text);
    auto rest = text, last_blob = text;
    while (const auto size = blob_size(rest)) {
      last_blob = rest;
      rest.remove_prefix(size);
    }
    const auto size = refwd_size(rest);
    if (size == 0) {
      text = rest.empty() ? last_blob : rest;
      return;
    }
    rest.remove_prefix(size);
    text = rest;
    refwd = true;
  }
}

void strip_trailers(std::string_view& text, bool& refwd) {
  for (;;) {
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    if (!iends_with(text, "(fwd)")) return;
    text.remove_suffix(5);
    refwd = true;
  }
}

}  // namespace

BaseSubject base_subject(std::string_view value) {
  BaseSubject base;
  const auto whole = squeezed(decoded_text(value));
  std::string_view text = whole;
  for (int nest = 0; nest < 100; ++nest) {
    strip_trailers(text, base.is_reply_or_forward);
    strip_leaders(text, base.is_reply_or_forward);
    if (!istarts_with(text, "[fwd:") || !text.ends_with(']')) break;
    text = text.substr(5, text.size() - 6);
    base.is_reply_or_forward = true;
  }
  trim_front(text);
  base.text = text;
  return base;
}

namespace {

// One <id> at the front of text, which begins with "<": its value, or "" when it is none.
std::string take_id(std::string_view& text) {
  std::string id;
  bool quoted = false;
  std::size_t at = 1;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted && c == '\\' && at + 1 < text.size()) {
      id += text[++at];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == '>') {
      text.remove_prefix(at + 1);
      return id.find('@') == std::string::npos && id.size() < 3 ? "" : id;
    } else if (!quoted && c == '<') {
      text.remove_prefix(at);  // the first "<" was none
      return "";
    } else if ((quoted || !is_blank(c)) && c != '\r' && c != '\n' && c != '\0') {
      id += c;
    }
  }
  text = {};
  return "";
}

}  // namespace

std::vector<std::string> message_ids(std::string_view value, std::size_t max_ids) {
  std::vector<std::string> ids;
  std::unordered_set<std::string> seen;
  for (;;) {
    const auto begin = value.find('<');
    if (begin == std::string_view::npos || ids.size() >= max_ids) return ids;
    value.remove_prefix(begin);
    auto id = take_id(value);
    if (!id.empty() && seen.insert(id).second) ids.push_back(std::move(id));
  }
}

std::string message_id(const HeaderBlock& header) {
  const auto value = header.value("Message-ID");
  if (!value) return "";
  auto ids = message_ids(*value, 1);
  return ids.empty() ? "" : std::move(ids[0]);
}

std::vector<std::string> references(const HeaderBlock& header, std::size_t max_ids) {
  if (const auto value = header.value("References"))
    if (auto ids = message_ids(*value, max_ids); !ids.empty()) return ids;
  const auto value = header.value("In-Reply-To");
  return value ? message_ids(*value, 1) : std::vector<std::string>{};
}

}  // namespace waxwing::mail
