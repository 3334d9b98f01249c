#include <catch2/catch.hpp>
#include <numeric>

#include "imapd/commands/sort_result.h"
#include "imapd/parse/sort_program.h"
#include "imapd/sort/key_cache.h"
#include "imapd/sort/sorter.h"

using namespace waxwing;
using namespace waxwing::imap;
using Kind = SortKey::Kind;

namespace {

using Numbers = std::vector<std::uint32_t>;

MessageKeys keys_of(std::string_view headers, std::uint32_t uid = 1) {
  store::MessageInfo info;
  info.uid = uid;
  info.internal_date = 4711;
  return message_keys(mail::HeaderBlock::scan(headers), info, kSent | kSubject | kAddresses | kIds);
}

}  // namespace

TEST_CASE("SORT programs") {
  const auto parse = [](std::string_view text) {
    Scanner in(text);
    return parse_sort(in);
  };
  const auto program = parse("(REVERSE DATE subject Reverse Subject DISPLAYTO) UTF-8 UNSEEN SUBJECT x");
  REQUIRE(program);
  CHECK(program->keys ==
        std::vector<SortKey>{{Kind::date, true}, {Kind::subject, false}, {Kind::display_to, false}});
  CHECK(program->search.charset == "UTF-8");
  CHECK_FALSE(program->search.extended);
  const auto extended = parse("RETURN (MIN COUNT) (ARRIVAL) US-ASCII ALL");
  REQUIRE(extended);
  CHECK((extended->search.extended && extended->search.wants_min && extended->search.wants_count));
  for (const char* bad :
       {"", "()", "(DATE)", "(DATE) UTF-8", "(WHAT) UTF-8 ALL", "(REVERSE) UTF-8 ALL", "DATE UTF-8 ALL",
        "(DATE UTF-8 ALL", "(DATE SIZE ) UTF-8 ALL", "RETURN (X) (DATE) UTF-8 ALL"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse(bad));
  }
}

TEST_CASE("THREAD programs") {
  const auto parse = [](std::string_view text) {
    Scanner in(text);
    return parse_thread(in);
  };
  CHECK(parse("references UTF-8 ALL")->algorithm == ThreadAlgorithm::references);
  CHECK(parse("ORDEREDSUBJECT UTF-8 NOT DELETED")->algorithm == ThreadAlgorithm::ordered_subject);
  for (const char* bad : {"", "REFERENCES", "REFERENCES UTF-8", "REFS UTF-8 ALL"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse(bad));
  }
}

TEST_CASE("keys of a message") {
  const auto keys = keys_of(
      "Date: Sun, 22 Nov 2026 05:10:00 +0100\r\n"
      "Subject: Re: [list] =?utf-8?q?Stra=C3=9Fe?=\r\n"
      "From: =?utf-8?q?J=C3=B6rg?= <Joe.X@example.test>, other@example.test\r\n"
      "To: Friends: a@b.test, c@d.test;\r\n"
      "Cc: Plain@Example.TEST\r\n"
      "Message-ID: <m@x>\r\nReferences: <a@x> <b@x>\r\n");
  CHECK(keys.sent == 1795320600);
  CHECK(keys.subject == "strasse");
  CHECK(keys.is_reply_or_forward);
  CHECK(keys.addresses[from] == "joe.x");
  CHECK(keys.addresses[display_from] == "jo\xCC\x88rg");
  CHECK(keys.addresses[to] == "friends");
  CHECK(keys.addresses[cc] == "plain");
  CHECK(keys.addresses[display_to] == "friends");
  CHECK(keys.references.size() == 2);
  CHECK(keys.id != 0);
  const auto parent = keys_of("Message-ID: <b@x>\r\n");
  CHECK(parent.id == keys.references[1]);

  const auto none = keys_of("Date: whenever\r\n");
  CHECK(none.sent == 4711);
  CHECK(none.subject.empty());
  CHECK(none.addresses[display_from].empty());
  CHECK(none.id == 0);
}

TEST_CASE("keys take bounded memory and stay different") {
  const std::string begin(100'000, 'x');
  const auto one = keys_of("Subject: " + begin + "1\r\n"), two = keys_of("Subject: " + begin + "2\r\n");
  CHECK(one.subject.size() < 600);
  CHECK(one.subject != two.subject);
  std::string references = "References:";
  for (int n = 0; n < 1000; ++n) references += " <" + std::to_string(n) + "@x>\r\n";
  const auto keys = keys_of(references);
  CHECK(keys.references.size() == kMostReferences);
  CHECK(keys.references.front() == keys_of("Message-ID: <0@x>\r\n").id);
  CHECK(keys.references.back() == keys_of("Message-ID: <999@x>\r\n").id);
}

TEST_CASE("texts are ranked by their bytes, whenever they come") {
  TextTable table;
  CHECK(table.ranks() == Numbers{0});
  const auto pear = table.enter("pear"), apple = table.enter("apple");
  CHECK(table.enter("pear") == pear);
  CHECK(table.ranks()[apple] < table.ranks()[pear]);
  const auto fig = table.enter("fig");
  const auto& ranks = table.ranks();
  CHECK(ranks == Numbers{0, 3, 1, 2});
  CHECK(ranks[fig] == 2);
}

TEST_CASE("columns take messages in any order") {
  MailboxKeys keys;
  const auto add = [&](std::initializer_list<std::uint32_t> uids) {
    std::vector<MessageKeys> messages;
    for (const auto uid : uids)
      messages.push_back(keys_of(
          "Subject: s" + std::to_string(uid % 7) + "\r\nMessage-ID: <" + std::to_string(uid) + "@x>\r\n",
          uid));
    keys.add(kSubject | kIds, messages);
  };
  add({10, 20, 30});
  add({5, 15, 20, 40});
  CHECK(keys.missing(kSubject | kIds, Numbers{5, 10, 12, 40, 50}) == Numbers{12, 50});
  CHECK(keys.missing(kSent | kSubject, Numbers{5, 12}) == Numbers{5, 12});
  CHECK(keys.missing(kSubject, Numbers{}).empty());
  // Ranks of 5, 3, 1, 6, 2, 5, since nothing is "s4".
  CHECK(keys.subjects(Numbers{5, 10, 15, 20, 30, 40}) == std::vector<std::uint64_t>{4, 3, 1, 5, 2, 4});
  CHECK(keys.subjects(Numbers{6, 15, 99}) == std::vector<std::uint64_t>{0, 1, 0});
  const auto before = keys.bytes();
  add({5, 10});
  CHECK(keys.bytes() == before);
}

TEST_CASE("what is sorted seldom is forgotten first") {
  KeyCache cache;
  const auto first = cache.of("one", 1);
  CHECK(cache.of("one", 1) == first);
  CHECK(cache.of("one", 2) != first);
  std::vector<MessageKeys> many;
  for (std::uint32_t uid = 1; uid < 1000; ++uid) many.push_back(keys_of("", uid));
  cache.of("large", 1)->add(kSent | kAddresses, many);
  CHECK(cache.of("one", 1) == first);
  cache.trim(10'000);
  CHECK(cache.of("one", 1) == first);
  CHECK(cache.of("large", 1)->missing(kSent, Numbers{1}) == Numbers{1});
  CHECK(cache.bytes() <= 10'000);
}

TEST_CASE("a sorter agrees with a stable sort, also over many runs") {
  for (const std::uint32_t count : {0u, 1u, 2u, 1000u, 65536u, 65537u, 300000u}) {
    std::vector<std::vector<std::uint64_t>> columns(2, std::vector<std::uint64_t>(count));
    std::uint64_t random = count;
    for (auto& column : columns)
      for (auto& value : column) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        value = random >> 55;
      }
    Numbers expected(count);
    std::iota(expected.begin(), expected.end(), 0);
    std::ranges::stable_sort(expected, [&](auto a, auto b) {
      return std::pair(columns[0][a], columns[1][a]) < std::pair(columns[0][b], columns[1][b]);
    });
    Sorter sorter(columns);
    while (!sorter.step()) {
    }
    CHECK(sorter.order() == expected);
  }
}

TEST_CASE("ESORT lines") {
  const Numbers uids{10, 11, 12, 20}, order{3, 0, 1, 2}, nothing;
  SearchProgram program;
  program.extended = program.wants_min = program.wants_max = program.wants_all = program.wants_count = true;
  const SortResult result{.program = program, .by_uid = true, .numbers = uids, .order = order};
  CHECK(result.extended_head("a\"b") == "* ESEARCH (TAG \"a\\\"b\") UID COUNT 4 MIN 20 MAX 12");
  std::size_t at = 0;
  CHECK(result.extended_piece(at) == "20,10:12");
  CHECK(at == 4);
  CHECK(result.saved(uids) == std::vector<Range>{{10, 12}, {20, 20}});
  const SortResult empty{.program = program, .numbers = nothing, .order = nothing};
  CHECK(empty.extended_head("t") == "* ESEARCH (TAG \"t\") COUNT 0");
  program.wants_all = program.wants_count = program.wants_max = false;
  CHECK(result.saved(uids) == std::vector<Range>{{20, 20}});
}
