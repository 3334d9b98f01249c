#include "common/mail/encoded_word.h"

#include <optional>

#include "common/base/strings.h"
#include "common/mail/charset.h"
#include "common/mail/transfer_coding.h"

namespace waxwing::mail {

namespace {

// =?charset*lang?E?text?= at the front of text. size: bytes it takes.
struct Word {
  std::string_view charset;
  char encoding = 0;
  std::string_view text;
  std::size_t size = 0;
};

// A word must end within this: hostile text full of "=?" stays linear. RFC 2047 says 75, senders say more.
constexpr std::size_t kMaxWord = 1000;

std::optional<Word> word_at(std::string_view text) {
  text = text.substr(0, kMaxWord);
  if (!text.starts_with("=?")) return std::nullopt;
  Word word;
  std::size_t at = 2;
  while (at < text.size() && text[at] > ' ' && text[at] < 127 && text[at] != '?' && text[at] != '=') ++at;
  if (at + 3 >= text.size() || at == 2 || text[at] != '?' || text[at + 2] != '?') return std::nullopt;
  word.charset = text.substr(2, at - 2);
  word.charset = word.charset.substr(0, word.charset.find('*'));
  word.encoding = upper(text[at + 1]);
  if (word.encoding != 'Q' && word.encoding != 'B') return std::nullopt;
  at += 3;
  // Encoders escape "?" in the text, so the first "?=" is the end.
  const auto end = text.find("?=", at);
  if (end == std::string_view::npos) return std::nullopt;
  word.text = text.substr(at, end - at);
  word.size = end + 2;
  return word;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string decode_q(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      out += ' ';
    } else if (text[i] == '=' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
               hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Gathers adjacent words of one charset, so that a character split over two words comes out whole.
class WordRun {
 public:
  explicit WordRun(std::string& out) : out_(out) {}
  void add(const Word& word) {
    if (!iequals(word.charset, charset_)) flush();
    charset_ = word.charset;
    bytes_ += word.encoding == 'Q' ? decode_q(word.text) : decode_base64(word.text).bytes;
    active_ = true;
  }
  void flush() {
    if (!bytes_.empty()) out_ += to_utf8_or_guess(bytes_, charset_);
    bytes_.clear();
    active_ = false;
  }
  bool active() const { return active_; }

 private:
  std::string& out_;
  std::string bytes_;
  std::string_view charset_;
  bool active_ = false;
};

std::size_t blanks_at(std::string_view text, std::size_t at) {
  const auto start = at;
  while (at < text.size() && (is_blank(text[at]) || text[at] == '\r' || text[at] == '\n')) ++at;
  return at - start;
}

}  // namespace

std::string decode_words(std::string_view text) {
  if (text.find("=?") == std::string_view::npos) return valid_utf8(text);
  std::string out, plain;
  WordRun run(out);
  const auto flush_plain = [&] {
    out += valid_utf8(plain);
    plain.clear();
  };
  std::size_t at = 0;
  while (at < text.size()) {
    if (run.active()) {
      // Blanks between two words are dropped, before anything else they stay.
      const auto gap = blanks_at(text, at);
      if (const auto word = word_at(text.substr(at + gap))) {
        run.add(*word);
        at += gap + word->size;
        continue;
      }
      run.flush();
      plain.append(text, at, gap);
      at += gap;
    } else if (const auto word = word_at(text.substr(at))) {
      flush_plain();
      run.add(*word);
      at += word->size;
    } else {
      plain += text[at++];
    }
  }
  run.flush();
  flush_plain();
  for (char& c : out)
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  return out;
}

namespace {

constexpr std::size_t kWordWidth = 75;
constexpr std::string_view kQ = "=?UTF-8?Q?", kB = "=?UTF-8?B?";

bool is_plain_q(char c, bool in_phrase) {
  if (is_alnum(c)) return true;
  if (in_phrase) return std::string_view("!*+-/").find(c) != std::string_view::npos;
  return c > ' ' && c < 127 && c != '=' && c != '?' && c != '_';
}

std::size_t utf8_length(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

std::string as_q(std::string_view text, bool in_phrase) {
  std::string out(kQ);
  std::size_t width = kQ.size();
  for (std::size_t at = 0; at < text.size();) {
    const auto length = std::min(utf8_length(text[at]), text.size() - at);
    std::string piece;
    for (const char c : text.substr(at, length)) {
      if (c == ' ') {
        piece += '_';
      } else if (is_plain_q(c, in_phrase)) {
        piece += c;
      } else {
        (piece += '=') += to_upper(to_hex(std::string_view(&c, 1)));
      }
    }
    if (width + piece.size() + 2 > kWordWidth) {
      (out += "?= ") += kQ;
      width = kQ.size();
    }
    out += piece;
    width += piece.size();
    at += length;
  }
  return out += "?=";
}

std::string as_b(std::string_view text) {
  constexpr std::size_t kBytes = (kWordWidth - kB.size() - 2) / 4 * 3;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t size = 0;
    while (at + size < text.size()) {
      const auto length = std::min(utf8_length(text[at + size]), text.size() - at - size);
      if (size + length > kBytes) break;
      size += length;
    }
    if (!out.empty()) out += ' ';
    ((out += kB) += to_base64(text.substr(at, size))) += "?=";
    at += size;
  }
  return out;
}

}  // namespace

std::string encode_words(std::string_view text, bool in_phrase) {
  bool plain = text.find("=?") == std::string_view::npos;
  for (const char c : text) plain = plain && ((c >= ' ' && c < 127) || c == '\t');
  if (plain) return std::string(text);
  const auto valid = valid_utf8(text);
  auto q = as_q(valid, in_phrase), b = as_b(valid);
  return q.size() <= b.size() ? q : b;
}

}  // namespace waxwing::mail
