// Channel keywords: every keyword there is, declared once in keywords.inc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace waxwing::mta {

enum class Kw : std::uint16_t {
#define KEYWORD(id, name, group, arguments, state, fallback, help) id,
#include "mta/config/keywords.inc"
#undef KEYWORD
};

enum class KeywordArgs { none, word, number, one_or_two, words, numbers, durations };
// inherent: what it asks for holds anyway. filters: waits for the filter engine. refused: help says why.
enum class KeywordState { implemented, inherent, filters, not_yet, refused };

struct KeywordSpec {
  Kw id;
  std::string_view name;
  std::string_view group;  // keywords of one group exclude each other; "" = stands alone
  KeywordArgs args;
  KeywordState state;
  bool usual;             // in force when no keyword of its group is given
  std::string_view help;  // one line; of a refused one what follows "not supported, because"
};

// All of them, in the order of Kw.
std::span<const KeywordSpec> keyword_table();
const KeywordSpec& keyword_spec(Kw id);
// Case-blind; null when there is no such keyword (then it is a group id).
const KeywordSpec* find_keyword(std::string_view name);
// maytls = maytlsclient maytlsserver, smtp = smtp_crlf and so on; empty for all others.
std::span<const Kw> keyword_means(Kw id);
// "number", "word..." for manual page and messages.
std::string_view args_text(KeywordArgs args);

}  // namespace waxwing::mta
