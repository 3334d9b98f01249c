#include <catch2/catch.hpp>
#include <numeric>

#include "common/base/strings.h"
#include "imapd/thread/ordered_subject.h"
#include "imapd/thread/references.h"

using namespace waxwing;
using namespace waxwing::imap;

namespace {

// A message by what threading looks at; sent in the order of the list unless it says when.
struct Message {
  const char* id = "";
  const char* references = "";
  const char* subject = "";
  std::int64_t sent = 0;
};

struct Box {
  MailboxKeys keys;
  std::vector<std::uint32_t> numbers;
  ThreadKeys thread_keys;
  std::vector<std::uint32_t> order;

  explicit Box(const std::vector<Message>& messages) : numbers(messages.size()) {
    std::iota(numbers.begin(), numbers.end(), 1);
    std::vector<MessageKeys> list;
    for (const auto n : numbers) {
      const auto& one = messages[n - 1];
      const auto headers = std::string("Message-ID: ") + one.id + "\r\nReferences: " + one.references +
                           "\r\nSubject: " + one.subject + "\r\n";
      store::MessageInfo info;
      info.uid = n;
      info.internal_date = one.sent ? one.sent : 1000 + n;
      list.push_back(message_keys(mail::HeaderBlock::scan(headers), info, kSent | kSubject | kIds));
    }
    keys.add(kSent | kSubject | kIds, list);
    thread_keys = keys.thread_keys(numbers, true);
    order.resize(messages.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](auto n) { return thread_keys.sent[n]; });
  }
};

std::string written(const Forest& forest, const std::vector<std::uint32_t>& numbers) {
  ForestWriter writer(forest, numbers);
  std::string all;
  for (auto piece = writer.next(); !piece.empty(); piece = writer.next()) all += piece;
  return all;
}

std::string by_references(const std::vector<Message>& messages) {
  Box box(messages);
  ReferencesThreader threader(box.thread_keys, box.order);
  while (!threader.step()) {
  }
  return written(threader.take(), box.numbers);
}

std::string by_subject(const std::vector<Message>& messages) {
  Box box(messages);
  return written(ordered_subject(box.thread_keys, box.order), box.numbers);
}

}  // namespace

TEST_CASE("threads by references") {
  CHECK(by_references({}) == "");
  CHECK(by_references({{"<a@x>"}, {"<b@x>"}}) == "(1)(2)");
  CHECK(by_references({{"<a@x>"}, {"<b@x>", "<a@x>"}, {"<c@x>", "<a@x> <b@x>"}}) == "(1 2 3)");
  CHECK(by_references({{"<a@x>"}, {"<b@x>", "<a@x>"}, {"<c@x>", "<a@x>"}, {"<d@x>", "<a@x> <b@x>"}}) ==
        "(1 (2 4)(3))");
  // A reply that came before its parent.
  CHECK(by_references({{"<b@x>", "<a@x>"}, {"<a@x>"}}) == "(2 1)");
  // The form that RFC 5256 shows: (2)(3 6 (4 23)(44 7 96)), with other numbers.
  CHECK(by_references({{"<a@x>"},
                       {"<b@x>"},
                       {"<c@x>", "<b@x>"},
                       {"<d@x>", "<b@x> <c@x>"},
                       {"<e@x>", "<b@x> <c@x> <d@x>"},
                       {"<f@x>", "<b@x> <c@x>"},
                       {"<g@x>", "<b@x> <c@x> <f@x>"},
                       {"<h@x>", "<b@x> <c@x> <f@x> <g@x>"}}) == "(1)(2 3 (4 5)(6 7 8))");
}

TEST_CASE("messages that are not there") {
  // One child takes the place of its parent, several stay together under nobody.
  CHECK(by_references({{"<b@x>", "<a@x>"}}) == "(1)");
  CHECK(by_references({{"<b@x>", "<a@x>"}, {"<c@x>", "<a@x>"}}) == "((1)(2))");
  CHECK(by_references({{"<a@x>"}, {"<c@x>", "<a@x> <b@x>"}, {"<d@x>", "<a@x> <b@x>"}}) == "(1 (2)(3))");
  CHECK(by_references({{"<c@x>", "<a@x> <b@x>"}, {"<d@x>", "<a@x> <b@x>"}, {"<e@x>", "<a@x>"}}) ==
        "((1)(2)(3))");
  CHECK(by_references({{"<d@x>", "<a@x> <b@x> <c@x>"}}) == "(1)");
}

TEST_CASE("siblings and threads stand by date") {
  CHECK(by_references({{"<a@x>", "", "", 300}, {"<b@x>", "", "", 100}, {"<c@x>", "", "", 200}}) ==
        "(2)(3)(1)");
  CHECK(by_references({{"<a@x>", "", "", 10}, {"<b@x>", "<a@x>", "", 300}, {"<c@x>", "<a@x>", "", 200}}) ==
        "(1 (3)(2))");
  CHECK(by_references({{"<b@x>", "<a@x>", "", 300}, {"<x@x>", "", "", 250}, {"<c@x>", "<a@x>", "", 200}}) ==
        "((3)(1))(2)");
  CHECK(by_references({{"<a@x>", "", "", 5}, {"<b@x>", "", "", 5}}) == "(1)(2)");
}

TEST_CASE("ids that lie") {
  // The same id twice, none at all, references to oneself and in a circle.
  CHECK(by_references({{"<a@x>"}, {"<a@x>"}, {"<b@x>", "<a@x>"}}) == "(1 3)(2)");
  CHECK(by_references({{""}, {""}}) == "(1)(2)");
  CHECK(by_references({{"<a@x>", "<a@x>"}}) == "(1)");
  CHECK(by_references({{"<a@x>", "<b@x>"}, {"<b@x>", "<a@x>"}}) == "(2 1)");
  CHECK(
      by_references({{"<a@x>", "<b@x> <c@x>"}, {"<b@x>", "<c@x> <a@x>"}, {"<c@x>", "<a@x> <b@x>"}}).size() ==
      7);
  // The message itself knows its parent better than others do.
  CHECK(by_references({{"<c@x>", "<a@x> <b@x>"}, {"<a@x>"}, {"<b@x>"}}) == "(2)(3 1)");
}

TEST_CASE("threads that a subject brings together") {
  CHECK(by_references({{"<a@x>", "", "one"}, {"<b@x>", "", "Re: One"}}) == "(1 2)");
  CHECK(by_references({{"<a@x>", "", "Re: one"}, {"<b@x>", "", "one"}}) == "(2 1)");
  // Neither answers the other: together under nobody.
  CHECK(by_references({{"<a@x>", "", "one"}, {"<b@x>", "", "one"}}) == "((1)(2))");
  CHECK(by_references({{"<a@x>", "", "Re: one"}, {"<b@x>", "", "Fwd: one"}}) == "((1)(2))");
  CHECK(by_references({{"<a@x>", "", "one"}, {"<b@x>", "", "one"}, {"<c@x>", "", "one"}}) == "((1)(2)(3))");
  CHECK(by_references({{"<a@x>", "", ""}, {"<b@x>", "", "Re:"}}) == "(1)(2)");
  // A thread without a root takes the others in, and two such become one.
  CHECK(by_references({{"<b@x>", "<a@x>", "Re: one"}, {"<c@x>", "<a@x>", "Re: one"}, {"<d@x>", "", "one"}}) ==
        "((1)(2)(3))");
  CHECK(by_references({{"<b@x>", "<a@x>", "Re: one"},
                       {"<c@x>", "<a@x>", "Re: one"},
                       {"<e@x>", "<z@x>", "Re: one"},
                       {"<f@x>", "<z@x>", "Re: one"}}) == "((1)(2)(3)(4))");
}

TEST_CASE("long chains need neither recursion nor long walks") {
  std::vector<std::string> ids;
  const std::uint32_t count = 200'000;
  for (std::uint32_t n = 0; n < count; ++n) ids.push_back("<" + std::to_string(n) + "@x>");
  std::vector<Message> forward, backward;
  for (std::uint32_t n = 0; n < count; ++n) {
    forward.push_back({ids[n].c_str(), n ? ids[n - 1].c_str() : ""});
    backward.push_back({ids[n].c_str(), n + 1 < count ? ids[n + 1].c_str() : ""});
  }
  const auto down = by_references(forward), up = by_references(backward);
  CHECK(down.starts_with("(1 2 3 "));
  CHECK(down.ends_with(" 200000)"));
  CHECK(up.starts_with("(200000 199999 "));
  std::vector<Message> wide{{"<0@x>"}};
  for (std::uint32_t n = 1; n < 1000; ++n) wide.push_back({ids[n].c_str(), "<0@x>"});
  CHECK(by_references(wide).starts_with("(1 (2)(3)(4)"));
}

TEST_CASE("threads by subject alone") {
  CHECK(by_subject({}) == "");
  CHECK(by_subject({{"", "", "one"}, {"", "", "two"}, {"", "", "Re: ONE"}, {"", "", "[l] one (fwd)"}}) ==
        "(1 (3)(4))(2)");
  CHECK(by_subject({{"", "", "one", 30}, {"", "", "two", 20}, {"", "", "one", 10}}) == "(3 1)(2)");
  CHECK(by_subject({{"", "", ""}, {"", "", "Re:"}}) == "(1 2)");
}

namespace {
// "<p0@x> <p1@x> ..." from `first` on.
std::string id_row(const std::string& prefix, std::uint32_t first, std::uint32_t count) {
  std::string row;
  for (auto n = first; n < first + count; ++n) row += "<" + prefix + std::to_string(n) + "@x> ";
  return row;
}
}  // namespace

TEST_CASE("mail made to be costly to thread") {
  // A long chain of messages that are not there, with many children at its end and one at every hundredth
  // link; then messages that name the end of the chain as the parent of many that have children already.
  std::vector<std::string> rows;
  constexpr std::uint32_t kLinks = 400, kChildren = 5000;
  for (std::uint32_t n = 0; n < kLinks; ++n) rows.push_back(id_row("d", n * 99, 100));
  const auto last = id_row("d", kLinks * 99, 1);
  for (std::uint32_t n = 0; n < kChildren; ++n) rows.push_back(last);
  for (std::uint32_t n = 0; n < 500; ++n) {
    const auto pairs = id_row("y" + std::to_string(n) + ".", 0, 99);
    rows.push_back(pairs);
    rows.push_back(last + pairs);
  }
  std::vector<Message> messages;
  for (const auto& row : rows) messages.push_back({"", row.c_str(), ""});
  const auto text = by_references(messages);
  std::size_t numbers = 0;
  for (std::size_t at = 0; at < text.size(); ++at)
    numbers += is_digit(text[at]) && (at == 0 || !is_digit(text[at - 1]));
  CHECK(numbers == messages.size());
}
