// Charsets to and from UTF-8, by ICU and, for what ICU does not know, by iconv. Names are MIME charset
// names, case-blind. Thread-safe; converters are kept per thread.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace waxwing::mail {

// True when to_utf8 can convert this charset: SEARCH CHARSET asks.
// Could it be the name of one? At most 60 letters, digits and -_.:+().
bool is_charset_name(std::string_view name);
bool is_known_charset(std::string_view charset);

// bytes in charset as UTF-8; bytes that are wrong in it become U+FFFD. Nothing when the charset is unknown.
// An escape after '*' (RFC 2231 language: "utf-8*en") must be cut off before.
std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset);
// The other way: UTF-8 text in charset. Nothing when ICU does not know the charset, or it cannot say all of the text.
std::optional<std::string> from_utf8(std::string_view text, std::string_view charset);
// Always answers: unknown charsets are read as UTF-8 when the bytes are that, else as windows-1252.
std::string to_utf8_or_guess(std::string_view bytes, std::string_view charset);
// UTF-8 with every wrong sequence replaced by U+FFFD.
std::string valid_utf8(std::string_view bytes);

// Why recode() gives nothing: a charset is unknown, the bytes are wrong in theirs, the other one lacks a character
// of them, or there would be too many bytes.
enum class RecodeTrouble { unknown_charset, wrong_bytes, no_such_character, too_large };
std::string_view text_of(RecodeTrouble trouble);
// bytes of one charset in another, nothing lost. max_bytes: of the result.
std::expected<std::string, RecodeTrouble> recode(std::string_view bytes, std::string_view from,
                                                 std::string_view to,
                                                 std::size_t max_bytes = std::string::npos);

// For searching and sorting (RFC 5051 i;unicode-casemap's purpose): full Unicode case folding after
// NFKD, so that "Straße" equals "STRASSE". ASCII text takes a short way. text must be UTF-8.
std::string fold_for_search(std::string_view text);

}  // namespace waxwing::mail
