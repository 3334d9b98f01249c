#include "common/mail/encoded_word.h"

#include <optional>
#include <vector>

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

// Such a charset begins and ends each word in ASCII: no character is split, and the escapes of two words in a row, with
// nothing between them, are damage to a decoder.
bool has_escapes(std::string_view charset) {
  return istarts_with(charset, "iso-2022-") || iequals(charset, "hz-gb-2312") || iequals(charset, "utf-7");
}

// Gathers adjacent words of one charset, so that a character split over two words comes out whole.
class WordRun {
 public:
  explicit WordRun(std::string& out) : out_(out) {}
  void add(const Word& word) {
    if (!iequals(word.charset, charset_) || has_escapes(charset_)) flush();
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

namespace {

// Words of any charset but UTF-8, each whole in itself: also where a charset changes its state by escapes.
std::optional<std::string> words_in(std::string_view utf8, const std::string& charset) {
  const auto head = "=?" + charset + "?B?";
  if (head.size() + 14 > kWordWidth) return std::nullopt;
  const auto room = (kWordWidth - head.size() - 2) / 4 * 3;
  std::string out;
  while (!utf8.empty()) {
    // At most a byte for each character is the best that can be hoped for.
    std::size_t characters = room, size = 0;
    std::string bytes;
    do {
      size = 0;
      for (std::size_t i = 0; i < characters && size < utf8.size(); ++i)
        size = std::min(size + utf8_length(utf8[size]), utf8.size());
      auto recoded = recode(utf8.substr(0, size), "utf-8", charset);
      if (!recoded) return std::nullopt;
      bytes = std::move(*recoded);
      characters = characters * 2 / 3;
    } while (bytes.size() > room && characters > 0);
    if (bytes.size() > room) return std::nullopt;
    if (!out.empty()) out += "\r\n ";
    ((out += head) += to_base64(bytes)) += "?=";
    utf8.remove_prefix(size);
  }
  return out;
}

// Words of one charset, one behind the other: what is in them, in pieces that are whole characters, and where the last
// one ends.
struct Words {
  std::vector<std::string> pieces;
  std::size_t end = 0;
};
Words words_from(std::string_view text, std::size_t at, Word word) {
  Words words;
  for (const auto charset = word.charset;;) {
    if (words.pieces.empty() || has_escapes(charset)) words.pieces.emplace_back();
    words.pieces.back() += word.encoding == 'Q' ? decode_q(word.text) : decode_base64(word.text).bytes;
    words.end = at += word.size;
    at += blanks_at(text, at);
    const auto next = word_at(text.substr(at));
    if (!next || !iequals(next->charset, charset)) return words;
    word = *next;
  }
}

std::optional<std::string> recoded_words(const Words& words, std::string_view from, const std::string& to) {
  std::string utf8;
  for (const auto& piece : words.pieces) {
    const auto part = recode(piece, from, "utf-8");
    if (!part) return std::nullopt;
    utf8 += *part;
  }
  if (!iequals(to, "utf-8")) return words_in(utf8, to);
  auto q = as_q(utf8, true), b = as_b(utf8);
  return replace_all(q.size() <= b.size() ? q : b, " ", "\r\n ");
}

}  // namespace

std::string recode_words(std::string_view text, const CharsetChanges& change) {
  std::string out;
  std::size_t at = 0;
  for (auto next = text.find("=?"); next != text.npos; next = text.find("=?", at)) {
    out.append(text.substr(at, next - at));
    at = next;
    const auto word = word_at(text.substr(at));
    const auto to = word ? change(word->charset) : CharsetChange();
    if (to.to.empty() || iequals(to.to, word->charset)) {
      const auto size = word ? word->size : 2;
      out.append(text.substr(at, size));
      at += size;
    } else if (to.relabel_only) {
      const auto rest = static_cast<std::size_t>(word->charset.data() - text.data()) + word->charset.size();
      out.append("=?").append(to.to).append(text.substr(rest, at + word->size - rest));
      at += word->size;
    } else {
      const auto words = words_from(text, at, *word);
      const auto recoded = recoded_words(words, word->charset, to.to);
      out.append(recoded ? *recoded : std::string(text.substr(at, words.end - at)));
      at = words.end;
    }
  }
  return out.append(text.substr(at));
}

}  // namespace waxwing::mail
