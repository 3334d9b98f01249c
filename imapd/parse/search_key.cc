#include "imapd/parse/search_key.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/date.h"

namespace waxwing::imap {
namespace {

using Kind = SearchKey::Kind;

struct Word {
  std::string_view name;
  Kind kind;
  const char* text;  // flag, or header field
  bool negated;
};
constexpr Word kFlagWords[] = {
    {"ANSWERED", Kind::flag, "\\Answered", false},  {"DELETED", Kind::flag, "\\Deleted", false},
    {"DRAFT", Kind::flag, "\\Draft", false},        {"FLAGGED", Kind::flag, "\\Flagged", false},
    {"SEEN", Kind::flag, "\\Seen", false},          {"RECENT", Kind::is_recent, "", false},
    {"UNANSWERED", Kind::flag, "\\Answered", true}, {"UNDELETED", Kind::flag, "\\Deleted", true},
    {"UNDRAFT", Kind::flag, "\\Draft", true},       {"UNFLAGGED", Kind::flag, "\\Flagged", true},
    {"UNSEEN", Kind::flag, "\\Seen", true},         {"OLD", Kind::is_recent, "", true},
};
constexpr Word kTextWords[] = {
    {"BCC", Kind::header, "Bcc", false},      {"CC", Kind::header, "Cc", false},
    {"FROM", Kind::header, "From", false},    {"SUBJECT", Kind::header, "Subject", false},
    {"TO", Kind::header, "To", false},        {"BODY", Kind::body, "", false},
    {"TEXT", Kind::text, "", false},          {"EMAILID", Kind::email_id, "", false},
    {"THREADID", Kind::thread_id, "", false},
};
constexpr Word kDateWords[] = {
    {"BEFORE", Kind::before, "", false},  {"ON", Kind::on, "", false},
    {"SINCE", Kind::since, "", false},    {"SENTBEFORE", Kind::sent_before, "", false},
    {"SENTON", Kind::sent_on, "", false}, {"SENTSINCE", Kind::sent_since, "", false},
};
constexpr Word kNumberWords[] = {
    {"LARGER", Kind::larger, "", false},
    {"SMALLER", Kind::smaller, "", false},
    {"YOUNGER", Kind::younger, "", false},
    {"OLDER", Kind::older, "", false},
};

const Word* find_word(auto& table, std::string_view name) {
  const auto* found = std::ranges::find_if(table, [&](const Word& word) { return iequals(word.name, name); });
  return found == std::end(table) ? nullptr : found;
}

SearchKey negate(SearchKey key) {
  SearchKey outer{.kind = Kind::negated};
  outer.children.push_back(std::move(key));
  return outer;
}

class Parser {
 public:
  Parser(Scanner& in, const SearchLimits& limits) : in_(in), limits_(limits) {}

  // key *(SP key), up to the end or a closing parenthesis.
  Result<SearchKey> list(unsigned depth) {
    SearchKey both{.kind = Kind::both};
    do {
      if (in_.at_end() && !both.children.empty()) break;
      TRY(auto one, key(depth));
      both.children.push_back(std::move(one));
    } while (in_.take(' '));
    if (both.children.size() == 1) {
      auto only = std::move(both.children.front());
      return only;
    }
    return both;
  }

 private:
  Result<SearchKey> key(unsigned depth) {
    if (++count_ > limits_.keys) return permanent("too many search keys");
    if (depth >= limits_.depth) return permanent("search keys are nested too deep");
    if (in_.take('(')) {
      TRY(auto inner, list(depth + 1));
      TRY_VOID(in_.expect(')'));
      return inner;
    }
    if (is_digit(in_.peek()) || in_.peek() == '*' || in_.peek() == '$') return sequence(Kind::sequence);
    TRY(const auto name, in_.word());
    return named(name, depth);
  }

  Result<SearchKey> named(std::string_view name, unsigned depth) {
    if (iequals(name, "ALL")) return SearchKey{};
    if (const auto* word = find_word(kFlagWords, name)) {
      SearchKey flag{.kind = word->kind, .text = word->text};
      return word->negated ? negate(std::move(flag)) : flag;
    }
    if (iequals(name, "NEW")) return recent_and_unseen();
    TRY_VOID(in_.space());
    if (iequals(name, "NOT")) {
      TRY(auto inner, key(depth + 1));
      return negate(std::move(inner));
    }
    if (iequals(name, "OR")) return either(depth);
    if (iequals(name, "UID")) return sequence(Kind::uid);
    if (iequals(name, "KEYWORD")) return keyword(false);
    if (iequals(name, "UNKEYWORD")) return keyword(true);
    if (iequals(name, "HEADER")) return header();
    if (iequals(name, "MODSEQ")) return modseq();
    return with_value(name);
  }

  Result<SearchKey> with_value(std::string_view name) {
    if (const auto* word = find_word(kTextWords, name)) {
      const bool whole = word->kind == Kind::body || word->kind == Kind::text;
      if (whole && ++text_count_ > limits_.text_keys) return permanent("too many BODY and TEXT search keys");
      SearchKey text{.kind = word->kind, .field = word->text};
      TRY(text.text, in_.astring());
      return text;
    }
    if (const auto* word = find_word(kDateWords, name)) return date(word->kind);
    if (const auto* word = find_word(kNumberWords, name)) {
      SearchKey number{.kind = word->kind};
      TRY(number.number, in_.number64());
      return number;
    }
    return permanent("unknown search key " + printable(name, 40));
  }

  Result<SearchKey> either(unsigned depth) {
    SearchKey either{.kind = Kind::either};
    TRY(auto left, key(depth + 1));
    TRY_VOID(in_.space());
    TRY(auto right, key(depth + 1));
    either.children.push_back(std::move(left));
    either.children.push_back(std::move(right));
    return either;
  }

  static SearchKey recent_and_unseen() {
    SearchKey both{.kind = Kind::both};
    both.children.push_back({.kind = Kind::is_recent});
    both.children.push_back(negate({.kind = Kind::flag, .text = "\\Seen"}));
    return both;
  }

  Result<SearchKey> sequence(Kind kind) {
    SearchKey key{.kind = kind};
    TRY(key.set, SequenceSet::parse(in_));
    return key;
  }

  Result<SearchKey> keyword(bool negated) {
    SearchKey flag{.kind = Kind::flag};
    TRY(const auto name, in_.atom());
    flag.text = std::string(name);
    return negated ? negate(std::move(flag)) : flag;
  }

  Result<SearchKey> header() {
    SearchKey key{.kind = Kind::header};
    TRY(key.field, in_.astring());
    TRY_VOID(in_.space());
    TRY(key.text, in_.astring());
    return key;
  }

  // MODSEQ [entry-name SP entry-type SP] n; flags share one modseq, so the entry narrows nothing.
  Result<SearchKey> modseq() {
    SearchKey key{.kind = Kind::modseq};
    if (in_.peek() == '"') {
      TRY(const auto entry, in_.string());
      if (!istarts_with(entry, "/flags/")) return permanent("MODSEQ knows /flags/... entries only");
      TRY_VOID(in_.space());
      if (!in_.take_word("all") && !in_.take_word("shared") && !in_.take_word("priv"))
        return permanent("MODSEQ entry type must be all, shared or priv");
      TRY_VOID(in_.space());
    }
    TRY(key.number, in_.number64());
    return key;
  }

  Result<SearchKey> date(Kind kind) {
    TRY(const auto text, in_.astring());
    const auto day = mail::parse_imap_day(text);
    if (!day) return permanent("not a date (1-Feb-2026): " + printable(text, 40));
    return SearchKey{.kind = kind, .number = *day};
  }

  Scanner& in_;
  SearchLimits limits_;
  std::size_t count_ = 0, text_count_ = 0;
};

}  // namespace

Result<> parse_return_options(Scanner& in, SearchProgram& program) {
  program.extended = true;
  TRY_VOID(in.space());
  TRY_VOID(in.expect('('));
  while (in.peek() != ')') {
    if (in.take_word("MIN"))
      program.wants_min = true;
    else if (in.take_word("MAX"))
      program.wants_max = true;
    else if (in.take_word("ALL"))
      program.wants_all = true;
    else if (in.take_word("COUNT"))
      program.wants_count = true;
    else if (in.take_word("SAVE"))
      program.wants_save = true;
    else
      return permanent("unknown RETURN option \"" + printable(in.rest(), 40) + "\"");
    if (!in.take(' ')) break;
  }
  TRY_VOID(in.expect(')'));
  // RETURN () means RETURN (ALL); SAVE alone shows nothing.
  if (!program.wants_min && !program.wants_max && !program.wants_count && !program.wants_save)
    program.wants_all = true;
  return in.space();
}

Result<> parse_charset_and_keys(Scanner& in, SearchProgram& program, const SearchLimits& limits) {
  TRY(program.charset, in.astring());
  program.has_charset = true;
  TRY_VOID(in.space());
  TRY(program.root, Parser(in, limits).list(0));
  return in.end();
}

Result<SearchProgram> parse_search(Scanner& in, const SearchLimits& limits) {
  SearchProgram program;
  if (in.take_word("RETURN")) TRY_VOID(parse_return_options(in, program));
  if (in.take_word("CHARSET")) {
    TRY_VOID(in.space());
    TRY(program.charset, in.astring());
    program.has_charset = true;
    TRY_VOID(in.space());
  }
  TRY(program.root, Parser(in, limits).list(0));
  TRY_VOID(in.end());
  return program;
}

bool SearchKey::needs_message() const {
  if (kind == Kind::body || kind == Kind::text) return true;
  return std::ranges::any_of(children, &SearchKey::needs_message);
}

bool SearchKey::uses_modseq() const {
  return kind == Kind::modseq || std::ranges::any_of(children, &SearchKey::uses_modseq);
}

std::size_t SearchKey::count() const {
  std::size_t total = 1;
  for (const auto& child : children) total += child.count();
  return total;
}

}  // namespace waxwing::imap
