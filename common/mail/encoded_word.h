// RFC 2047 encoded words, with the everyday sins: words longer than 75 bytes, blanks inside Q text, words
// that touch, a character split over two words of one charset. RFC 2231 §5 languages are dropped.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace waxwing::mail {

// Unstructured or phrase text with its encoded words turned to UTF-8; blanks between adjacent words go,
// everything that is no encoded word stays as it is (raw 8-bit becomes valid UTF-8). CR, LF and NUL
// produced by a word become blanks. Linear in text.
std::string decode_words(std::string_view text);

// UTF-8 text as ASCII: itself when it is ASCII and holds nothing that looks like an encoded word, else
// words of at most 75 bytes separated by blanks ("Q" or "B", whichever is shorter; characters never split).
// in_phrase: only what RFC 2047 §5 (3) allows in a display name.
std::string encode_words(std::string_view text, bool in_phrase = false);

// Words in another charset. to: "" and they stay; relabel_only: the bytes do.
struct CharsetChange {
  std::string to;
  bool relabel_only = false;
};
using CharsetChanges = std::function<CharsetChange(std::string_view charset)>;
// A field's value, folded, with its words in the charsets that change answers, on lines of their own. Words that
// cannot be had so, and everything else, stay byte for byte. Linear in text.
std::string recode_words(std::string_view text, const CharsetChanges& change);

}  // namespace waxwing::mail
