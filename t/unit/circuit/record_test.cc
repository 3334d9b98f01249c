#include "mta/circuit/record.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::mta::circuit;
using Came = Record::Came;

namespace {

constexpr std::int64_t kBegin = 1'790'000'000'000;

Token token(const Sent& sent) {
  return {"x", sent.number, sent.sent_ms};
}

Record fresh(const std::vector<std::int64_t>& bins = {2, 5, 10}) {
  Record record(kBegin);
  record.use_bins(bins);
  return record;
}

// As it is read back.
Record kept(const Record& record) {
  const auto read = Record::parse(record.text());
  REQUIRE(read);
  CHECK(read->text() == record.text());
  return *read;
}

}  // namespace

TEST_CASE("a round trip is counted once, in its bin") {
  auto record = fresh();
  std::vector<Sent> sent;
  for (int i = 0; i < 5; ++i) sent.push_back(record.send(kBegin + i));
  CHECK(sent[4].number == 5);
  CHECK(record.waiting().size() == 5);
  const std::int64_t trips[] = {0, 2000, 2001, 10'000, 10'001};
  for (int i = 0; i < 5; ++i) {
    record = kept(record);
    CHECK(record.came_back(token(sent[i]), sent[i].sent_ms + trips[i], "Q" + std::to_string(i)) ==
          Came::first);
  }
  CHECK(record.bins() == std::vector<std::uint64_t>{2, 1, 1, 1});
  const auto& figures = record.figures();
  CHECK(figures.sent == 5);
  CHECK(figures.returned == 5);
  CHECK(figures.last == 10'001);
  CHECK(figures.shortest == 0);
  CHECK(figures.longest == 10'001);
  CHECK(figures.total == 24'002);
  CHECK(record.waiting().empty());
  CHECK(record.came_back(token(sent[1]), kBegin + 9999, "Q9") == Came::duplicate);
  CHECK(record.came_back(token(sent[1]), kBegin + 9999, "Q9") == Came::again);
  CHECK(record.figures().duplicates == 1);
  CHECK(record.figures().returned == 5);
}

TEST_CASE("the arrival that was counted when a program died is not counted again") {
  auto record = fresh();
  const auto sent = record.send(kBegin);
  CHECK(record.came_back(token(sent), kBegin + 10, "Q1") == Came::first);
  CHECK(kept(record).came_back(token(sent), kBegin + 10, "Q1") == Came::again);
  CHECK(record.figures().duplicates == 0);
}

TEST_CASE("a clock that was set back makes no negative round trip") {
  auto record = fresh();
  const auto sent = record.send(kBegin);
  CHECK(record.came_back(token(sent), kBegin - 5000, "Q1") == Came::first);
  CHECK(record.figures().last == 0);
  CHECK(record.is_due(kBegin - 5000, 1800));
}

TEST_CASE("messages are due by their interval, a little early") {
  auto record = fresh();
  CHECK(record.is_due(kBegin, 1800));
  record.send(kBegin);
  CHECK_FALSE(record.is_due(kBegin + 1'769'000, 1800));
  CHECK(kept(record).is_due(kBegin + 1'770'000, 1800));
}

TEST_CASE("what does not come back in time is lost, and warned of once") {
  auto record = fresh();
  const auto first = record.send(kBegin), second = record.send(kBegin + 1000),
             third = record.send(kBegin + 9000);
  CHECK(record.overdue(kBegin + 5000, 5) == 0);
  CHECK(record.overdue(kBegin + 6001, 5) == 2);
  CHECK(record.expire(kBegin + 5001, 5) == std::vector<Sent>{first});
  CHECK(record.figures().lost == 1);
  CHECK(record.expire(kBegin + 5001, 5).empty());
  CHECK(record.owes_warning());
  CHECK(record.missed() == std::vector<Sent>{first});
  record.warned_of(record.missed());
  record = kept(record);
  CHECK_FALSE(record.owes_warning());
  CHECK(record.expire(kBegin + 6001, 5) == std::vector<Sent>{second});
  CHECK_FALSE(record.owes_warning());  // nothing has come back since
  CHECK(record.came_back(token(third), kBegin + 9500, "Q3") == Came::first);
  CHECK_FALSE(record.owes_warning());
  const auto fourth = record.send(kBegin + 10'000);
  CHECK(record.expire(kBegin + 20'000, 5) == std::vector<Sent>{fourth});
  CHECK(record.missed() == std::vector<Sent>{fourth});
  CHECK(kept(record).owes_warning());
}

TEST_CASE("a lost message that comes after all is returned and not lost") {
  auto record = fresh();
  const auto sent = record.send(kBegin);
  record.expire(kBegin + 6000, 5);
  CHECK(kept(record).came_back(token(sent), kBegin + 7000, "Q1") == Came::late);
  record.came_back(token(sent), kBegin + 7000, "Q1");
  CHECK(record.figures().lost == 0);
  CHECK(record.figures().returned == 1);
  CHECK(record.bins() == std::vector<std::uint64_t>{0, 0, 1, 0});
  CHECK(record.came_back(token(sent), kBegin + 8000, "Q2") == Came::duplicate);
}

TEST_CASE("a message that was refused was not sent") {
  auto record = fresh();
  const auto sent = record.send(kBegin);
  record.withdraw(sent, false);
  CHECK(record.figures().sent == 0);
  CHECK(record.figures().unsent == 1);
  CHECK_FALSE(record.is_due(kBegin + 1000, 1800));
  const auto next = record.send(kBegin + 5);
  CHECK(next.number == 2);
  record.withdraw(next, true);
  CHECK(record.figures().unsent == 1);
  CHECK(record.is_due(kBegin + 1000, 1800));
}

TEST_CASE("messages of a time that is not known any more change no figures") {
  auto record = fresh();
  const auto before = record.send(kBegin + 1);
  record.clear(kBegin + 10);
  CHECK(record.figures() == Figures{.last_sent_ms = kBegin + 1});
  CHECK_FALSE(record.is_due(kBegin + 20, 1800));
  CHECK(record.bins() == std::vector<std::uint64_t>(4));
  CHECK(record.came_back(token(before), kBegin + 20, "Q1") == Came::unknown);
  CHECK(record.send(kBegin + 30).number == 2);
  CHECK(record.came_back({"x", 3, kBegin + 40}, kBegin + 50, "Q2") == Came::unknown);
  CHECK(record.figures().duplicates == 0);
}

TEST_CASE("no more is remembered than has room") {
  auto record = fresh();
  const auto first = record.send(kBegin);
  std::vector<Sent> sent;
  for (std::size_t i = 0; i < 3 * kMostRemembered; ++i) sent.push_back(record.send(kBegin + 1));
  CHECK(record.waiting().size() == kMostRemembered);
  CHECK(record.figures().lost == 2 * kMostRemembered + 1);
  CHECK(record.came_back(token(first), kBegin + 2, "Q1") == Came::unknown);
  CHECK(record.came_back(token(sent[kMostRemembered]), kBegin + 2, "Q2") == Came::late);
  CHECK(record.came_back(token(sent.back()), kBegin + 2, "Q3") == Came::first);
  CHECK(kept(record).text().size() < 100'000);
}

TEST_CASE("other bins begin their counts anew, and nothing else") {
  auto record = fresh();
  const auto sent = record.send(kBegin);
  record.came_back(token(sent), kBegin + 1, "Q1");
  CHECK_FALSE(record.use_bins({2, 5, 10}));
  CHECK(kept(record).bins()[0] == 1);
  CHECK(record.use_bins({60}));
  CHECK(kept(record).bins() == std::vector<std::uint64_t>{0, 0});
  CHECK(record.figures().returned == 1);
}

TEST_CASE("a record that is damaged is told from one that is not") {
  auto record = fresh();
  record.send(kBegin);
  record.expire(kBegin + 100'000, 5);
  const auto sent = record.send(kBegin + 1);
  record.came_back(token(sent), kBegin + 2, "Q1");
  record.send(kBegin + 2);
  const auto text = kept(record).text();
  for (std::size_t size = 0; size + 1 < text.size(); ++size) CHECK_FALSE(Record::parse(text.substr(0, size)));
  CHECK_FALSE(Record::parse(text + "x"));
  for (const char* line :
       {"sent -1", "sent x", "sent", "sent 1", "next 0", "next 9999999999999999", "since -5", "bin 5",
        "bin 5 5 5", "bin 5 1\nbin 4 1", "waits 1", "waits 1 2 3", "waits 1 99999999999999999", "waits 1 1",
        "missed 1 1", "lost 1", "warned 2", "what 1", ""}) {
    INFO(line);
    CHECK_FALSE(Record::parse("waxwing circuit 1\n" + std::string(line) + "\nbin 0 0\nend\n"));
  }
  std::string many = "waxwing circuit 1\n";
  for (std::size_t i = 0; i <= kMostRemembered; ++i) many += "waits 1 1\n";
  CHECK_FALSE(Record::parse(many + "end\n"));
}
