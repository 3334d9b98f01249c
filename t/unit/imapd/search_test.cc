#include <catch2/catch.hpp>

#include "imapd/search/matcher.h"
#include "imapd/search/result.h"

using namespace waxwing;
using namespace waxwing::imap;

namespace {

Matcher matcher(std::string_view text, Matcher::Context context = {}) {
  Scanner in(text);
  auto program = parse_search(in);
  REQUIRE(program);
  if (!program->has_charset) program->charset = "UTF-8";
  auto ready = Matcher::prepare(*program, std::move(context));
  REQUIRE(ready);
  return std::move(*ready);
}

constexpr std::string_view kHeaders =
    "From: =?utf-8?q?J=C3=B6rg?= <joe@example.test>\r\n"
    "Subject: Nachricht\r\n =?utf-8?q?aus_der_Stra=C3=9Fe?=\r\n"
    "Date: Thu, 5 Feb 2026 23:30:00 -0500\r\n";

// Message 3, UID 30, seen and $work, 1000 bytes, 5 February 23:30 at UTC-5.
Verdict judged(std::string_view text, bool with_cache = true) {
  const auto ready = matcher(text, {.keywords = {"$other", "$Work"},
                                    .exists = 5,
                                    .largest_uid = 50,
                                    .saved = {{30, 30}},
                                    .now = 1770352200 + 100});
  store::CachedMessage cached{.headers = kHeaders};
  Candidate candidate{.sequence = 3};
  candidate.info = {.uid = 30,
                    .flags = store::kSeen,
                    .modseq = 77,
                    .internal_date = 1770352200,
                    .zone_minutes = -300,
                    .size = 1000};
  candidate.info.keywords.set(1);
  if (with_cache) candidate.cached = &cached;
  return ready.match(candidate);
}

}  // namespace

TEST_CASE("keys judged from index and cache") {
  for (const char* yes : {"ALL",
                          "SEEN",
                          "NOT DELETED",
                          "KEYWORD $WORK",
                          "UNKEYWORD $other",
                          "UNKEYWORD unheard",
                          "3",
                          "1:*",
                          "UID 30",
                          "UID 25:*",
                          "$",
                          "LARGER 999",
                          "SMALLER 1001",
                          "ON 5-Feb-2026",
                          "BEFORE 6-Feb-2026",
                          "SINCE 5-Feb-2026",
                          "SENTON 5-Feb-2026",
                          "SENTBEFORE 6-Feb-2026",
                          "SENTSINCE 5-Feb-2026",
                          "MODSEQ 77",
                          "YOUNGER 100",
                          "OLDER 100",
                          "SUBJECT \"DER STRASSE\"",
                          "FROM \"j\xC3\xB6rg\"",
                          "FROM JOE@",
                          "HEADER Subject \"\"",
                          "OR DELETED SEEN",
                          "OR BODY x SEEN",
                          "NOT (DELETED BODY x)",
                          "OLD"}) {
    CAPTURE(yes);
    CHECK(judged(yes) == Verdict::yes);
  }
  for (const char* no :
       {"UNSEEN", "DELETED", "KEYWORD $other", "4", "UID 31", "NOT $", "LARGER 1000", "SMALLER 1000",
        "ON 6-Feb-2026", "SENTON 6-Feb-2026", "MODSEQ 78", "YOUNGER 99", "OLDER 101", "SUBJECT nothing",
        "TO joe", "HEADER Cc \"\"", "DELETED BODY x", "NOT (OR SEEN BODY x)", "RECENT"}) {
    CAPTURE(no);
    CHECK(judged(no) == Verdict::no);
  }
}

TEST_CASE("what needs the message stays open") {
  for (const char* open :
       {"BODY x", "TEXT x", "NOT BODY x", "SEEN BODY x", "OR DELETED TEXT x", "HEADER X-Odd y"}) {
    CAPTURE(open);
    CHECK(judged(open) == Verdict::open);
  }
  CHECK(judged("SUBJECT x", false) == Verdict::open);
  CHECK(judged("SEEN", false) == Verdict::yes);
}

TEST_CASE("many header keys are no work for the event loop") {
  std::string keys = "SEEN";
  for (int i = 0; i < 1000; ++i) keys += i % 2 != 0 ? " NOT SUBJECT x" : " SENTSINCE 1-Jan-2020";
  CHECK(judged(keys) == Verdict::open);
  CHECK(judged("UNSEEN " + keys) == Verdict::no);
}

TEST_CASE("needles come in the charset of the command") {
  CHECK(judged("CHARSET ISO-8859-1 FROM {4}\r\nJ\xF6rg") == Verdict::yes);
  Scanner in("CHARSET X-NONE SUBJECT x");
  CHECK_FALSE(Matcher::prepare(*parse_search(in), {}));
}

namespace {
std::string line(SearchResult::Style style, const std::vector<std::uint32_t>& sequences) {
  style.extended = true;
  SearchResult result(style);
  for (const auto n : sequences) {
    store::MessageInfo info;
    info.uid = n * 10;
    info.modseq = 100 - n;
    result.add(n, info);
  }
  return result.extended_line("t");
}
}  // namespace

TEST_CASE("ESEARCH lines") {
  CHECK(line({.all = true}, {1, 2, 3, 7}) == "ESEARCH (TAG \"t\") ALL 1:3,7");
  CHECK(line({.by_uid = true, .all = true}, {1, 2}) == "ESEARCH (TAG \"t\") UID ALL 10,20");
  CHECK(line({.min = true, .max = true, .count = true}, {2, 5}) == "ESEARCH (TAG \"t\") COUNT 2 MIN 2 MAX 5");
  CHECK(line({.min = true, .all = true, .count = true}, {}) == "ESEARCH (TAG \"t\") COUNT 0");
  // MODSEQ: of what is told, RFC 7162 section 3.1.5.
  CHECK(line({.modseq = true, .all = true}, {1, 2}) == "ESEARCH (TAG \"t\") ALL 1:2 MODSEQ 99");
  CHECK(line({.modseq = true, .max = true}, {1, 2}) == "ESEARCH (TAG \"t\") MAX 2 MODSEQ 98");
}

TEST_CASE("what $ stands for afterwards") {
  const auto saved = [](SearchResult::Style style) {
    style.save = true;
    SearchResult result(style);
    for (const std::uint32_t n : {1, 2, 4}) {
      store::MessageInfo info;
      info.uid = n + 10;
      result.add(n, info);
    }
    return result.saved();
  };
  CHECK(saved({}) == std::vector<Range>{{11, 12}, {14, 14}});
  CHECK(saved({.by_uid = true, .all = true}) == std::vector<Range>{{11, 12}, {14, 14}});
  CHECK(saved({.min = true}) == std::vector<Range>{{11, 11}});
  CHECK(saved({.min = true, .max = true}) == std::vector<Range>{{11, 11}, {14, 14}});
  CHECK(saved({.min = true, .count = true}) == std::vector<Range>{{11, 12}, {14, 14}});
}
