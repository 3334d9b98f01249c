#include "imapd/parse/search_key.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::imap;
using Kind = SearchKey::Kind;

namespace {
std::string shown(const SearchKey& key) {
  static constexpr const char* names[] = {
      "all",    "and",     "or",    "not",        "seq",      "uid",       "flag",   "recent",
      "before", "on",      "since", "sentbefore", "senton",   "sentsince", "larger", "smaller",
      "modseq", "younger", "older", "emailid",    "threadid", "header",    "body",   "text"};
  std::string out = names[static_cast<int>(key.kind)];
  if (!key.field.empty()) out += ":" + key.field;
  if (!key.text.empty()) out += "=" + key.text;
  if (key.number) out += "#" + std::to_string(key.number);
  if (key.children.empty()) return out;
  out += "(";
  for (const auto& child : key.children) out += (out.ends_with('(') ? "" : " ") + shown(child);
  return out + ")";
}
std::string parsed(std::string_view text) {
  Scanner in(text);
  const auto program = parse_search(in);
  return program ? shown(program->root) : "bad";
}
}  // namespace

TEST_CASE("every search key") {
  struct Row {
    const char* text;
    const char* expected;
  };
  const Row rows[] = {
      {"ALL", "all"},
      {"UNSEEN", "not(flag=\\Seen)"},
      {"answered deleted draft flagged seen",
       "and(flag=\\Answered flag=\\Deleted flag=\\Draft flag=\\Flagged flag=\\Seen)"},
      {"UNANSWERED UNDELETED UNDRAFT UNFLAGGED",
       "and(not(flag=\\Answered) not(flag=\\Deleted) not(flag=\\Draft) not(flag=\\Flagged))"},
      {"NEW", "and(recent not(flag=\\Seen))"},
      {"OLD RECENT", "and(not(recent) recent)"},
      {"KEYWORD $Junk UNKEYWORD x", "and(flag=$Junk not(flag=x))"},
      {"FROM joe", "header:From=joe"},
      {"BCC a CC b TO c SUBJECT \"d e\"", "and(header:Bcc=a header:Cc=b header:To=c header:Subject=d e)"},
      {"HEADER X-Spam \"\"", "header:X-Spam"},
      {"BODY {3}\r\nabc", "body=abc"},
      {"TEXT abc", "text=abc"},
      {"BEFORE 1-Jan-1970 ON 2-Jan-1970 SINCE \"3-Jan-1970\"", "and(before on#1 since#2)"},
      {"SENTBEFORE 2-Jan-1970 SENTON 2-Jan-1970 SENTSINCE 2-Jan-1970",
       "and(sentbefore#1 senton#1 sentsince#1)"},
      {"LARGER 5 SMALLER 6", "and(larger#5 smaller#6)"},
      {"YOUNGER 7 OLDER 8", "and(younger#7 older#8)"},
      {"1:5", "seq"},
      {"UID 1:*", "uid"},
      {"$", "seq"},
      {"NOT (SEEN 1)", "not(and(flag=\\Seen seq))"},
      {"OR SEEN OR FLAGGED DRAFT", "or(flag=\\Seen or(flag=\\Flagged flag=\\Draft))"},
      {"MODSEQ 620162338", "modseq#620162338"},
      {"MODSEQ \"/flags/\\\\draft\" all 620162338", "modseq#620162338"},
      {"EMAILID E1 THREADID T1", "and(emailid=E1 threadid=T1)"},
      {"CHARSET UTF-8 SUBJECT x", "header:Subject=x"},
      {"(((SEEN)))", "flag=\\Seen"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(parsed(row.text) == row.expected);
  }
}

TEST_CASE("search keys that are refused") {
  for (const char* bad : {"", "NOT", "OR SEEN", "FROM", "KEYWORD", "BEFORE 32-Jan-1970", "BEFORE yesterday",
                          "LARGER x", "(SEEN", "SEEN)", "HEADER X", "WHAT", "UID x", "MODSEQ -1",
                          "SEEN  SEEN", "RETURN (SEEN) ALL", "CHARSET", "MODSEQ \"/other\" all 1", "()"}) {
    CAPTURE(bad);
    CHECK(parsed(bad) == "bad");
  }
}

TEST_CASE("depth and number of keys are bounded") {
  CHECK(parsed(std::string(5000, '(')) == "bad");
  std::string nots;
  for (int i = 0; i < 5000; ++i) nots += "NOT ";
  CHECK(parsed(nots + "SEEN") == "bad");
  std::string many = "SEEN";
  for (int i = 0; i < 5000; ++i) many += " SEEN";
  CHECK(parsed(many) == "bad");
  std::string texts = "BODY x";
  for (int i = 0; i < 99; ++i) texts += " TEXT x";
  CHECK(parsed(texts) != "bad");
  CHECK(parsed(texts + " TEXT x") == "bad");
}

TEST_CASE("RETURN options") {
  const auto program = [](std::string_view text) {
    Scanner in(text);
    return *parse_search(in);
  };
  const auto both = program("RETURN (MIN COUNT) CHARSET UTF-8 ALL");
  CHECK(both.extended);
  CHECK((both.wants_min && both.wants_count && !both.wants_all && !both.wants_max));
  CHECK(both.charset == "UTF-8");
  CHECK(program("RETURN () SEEN").wants_all);
  CHECK_FALSE(program("RETURN (SAVE) SEEN").wants_all);
  CHECK_FALSE(program("SEEN").extended);
}
