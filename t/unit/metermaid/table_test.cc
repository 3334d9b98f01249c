#include "metermaid/table.h"

#include <catch2/catch.hpp>

#include "metermaid/server.h"

using namespace waxwing;
using namespace waxwing::metermaid;

namespace {
constexpr std::int64_t kNow = 1'000'000'000'000;

TableRules rules(TableRules::Type type) {
  TableRules made;
  made.type = type;
  made.quota = 3;
  return made;
}
}  // namespace

TEST_CASE("a throttle lets a quota through in each period") {
  Table table(rules(TableRules::Type::throttle));
  for (int i = 0; i < 3; ++i) CHECK_FALSE(table.count("a", 1, kNow + i).limited);
  CHECK(table.count("a", 1, kNow + 59999).limited);
  CHECK(table.count("A", 3, kNow).limited == false);
  CHECK(table.query("a", 1, kNow + 59999).limited);
  CHECK_FALSE(table.count("a", 1, kNow + 60000).limited);
  CHECK(table.count("a", 3, kNow + 60001).limited);
  CHECK(table.find("a", kNow + 60001)->count == 1);
  CHECK(table.find("a", kNow + 120000) == nullptr);    // its period is over
  CHECK_FALSE(table.count("a", 1, kNow - 5).limited);  // the clock was put back
  CHECK_FALSE(table.query("new", 1, kNow).limited);
  CHECK(table.find("new", kNow) == nullptr);
  CHECK(table.remove("a"));
  CHECK_FALSE(table.remove("a"));
  CHECK(table.find("a", kNow) == nullptr);
}

TEST_CASE("penalize keeps out who goes on; nocase folds keys") {
  auto made = rules(TableRules::Type::throttle);
  made.penalize = made.case_blind = true;
  Table table(made);
  CHECK_FALSE(table.count("Key", 3, kNow).limited);
  CHECK(table.count("kEY", 1, kNow + 59000).limited);
  CHECK(table.count("key", 1, kNow + 118000).limited);
  CHECK_FALSE(table.count("key", 1, kNow + 178000).limited);
}

TEST_CASE("a greylist refuses what is new for a while, and lets in who comes again") {
  Table table(rules(TableRules::Type::greylist));
  CHECK(table.count("k", 1, kNow).limited);
  CHECK(table.count("k", 1, kNow + 299999).limited);
  CHECK_FALSE(table.count("k", 1, kNow + 300000).limited);
  CHECK_FALSE(table.count("k", 1, kNow + 300001).limited);
  const auto later = kNow + 300001 + 7 * 86400000LL;
  CHECK(table.count("k", 1, later).limited);  // not seen for a week
  CHECK(table.count("late", 1, kNow).limited);
  CHECK(table.count("late", 1, kNow + 4 * 3600000).limited);
  CHECK(table.find("late", kNow)->begun_ms == kNow + 4 * 3600000);
}

TEST_CASE("a simple table has a number for each key") {
  Table table(rules(TableRules::Type::simple));
  CHECK(table.adjust("k", -5, kNow) == -5);
  CHECK(table.adjust("k", 7, kNow) == 2);
  CHECK(table.store("k", 40, kNow) == 40);
  CHECK(table.find("k", kNow + 86400000LL * 365)->count == 40);
  CHECK_FALSE(table.count("k", 1000, kNow).limited);
  CHECK(table.adjust("k", INT64_MAX, kNow) == 1'000'000'000'000'000);
  CHECK(table.adjust("k", INT64_MIN, kNow) == 0);
}

TEST_CASE("what is usual for a sender grows by use, not by an attempt to exceed it") {
  auto made = rules(TableRules::Type::usual_use);
  made.quota = 20;
  made.factor = 10;
  made.quota_time_ms = 1000;
  Table table(made);
  auto first = table.count("joe", 21, kNow);
  CHECK(first.limited);
  CHECK(first.first);
  CHECK(first.limit == 20);
  CHECK_FALSE(table.count("joe", 21, kNow + 1).first);  // told once a period
  CHECK_FALSE(table.count("joe", 20, kNow + 2).limited);
  // 20 in a period are usual now: 200 are let through, not 201.
  CHECK_FALSE(table.count("joe", 200, kNow + 1000).limited);
  CHECK(table.count("joe", 1, kNow + 1001).limited);
  // A tenth of the way to 200.
  CHECK(table.count("joe", 1, kNow + 2000).limit == 380);
}

TEST_CASE("memory is bounded: the key that was asked for longest ago goes") {
  auto made = rules(TableRules::Type::throttle);
  made.max_entries = 2;
  Table table(made);
  table.count("a", 1, kNow);
  table.count("b", 1, kNow);
  table.count("a", 1, kNow);
  table.count("c", 1, kNow);
  CHECK(table.find("a", kNow));
  CHECK_FALSE(table.find("b", kNow));
  CHECK(table.find("c", kNow));
  table.count(std::string(100000, 'x'), 1, kNow);
  CHECK(table.entries().size() == 2);
  CHECK(table.entries().back().key.size() == 512);
}

TEST_CASE("what is asked over the socket") {
  Tables tables;
  tables.emplace("t", Table(rules(TableRules::Type::throttle)));
  const auto ask = [&](const char* verb, const char* table, const char* key, std::int64_t amount) {
    return answer(tables, Record(verb).set("table", table).set("key", key).set("amount", amount), kNow);
  };
  CHECK(ask("count", "T", "k", 2).number("count") == 2);
  CHECK(ask("count", "t", "k", 2).number("limited") == 1);
  CHECK(ask("query", "t", "k", 1).number("limited") == 0);
  CHECK(ask("count", "t", "k", -1000).number("count") == 2);  // nothing is given back
  CHECK(ask("fetch", "t", "k", 0).number("known") == 1);
  CHECK(ask("fetch", "t", "", 0).number("known") == 0);
  CHECK(ask("adjust", "t", "k", -1).number("count") == 1);
  CHECK(ask("remove", "t", "k", 0).number("known") == 1);
  CHECK(ask("count", "u", "k", 1).get("text") == "there is no table metermaid.table.u in msg.conf");
  CHECK(ask("dance", "t", "k", 1).is("error"));
  CHECK(answer(tables, Record(), kNow).is("error"));
}

TEST_CASE("what comes back from a file is within bounds, under the key that is asked for") {
  auto made = rules(TableRules::Type::usual_use);
  made.case_blind = true;
  made.factor = INT64_MAX;
  Table table(made);
  table.restore(
      {.key = "Joe", .begun_ms = INT64_MIN, .seen_ms = INT64_MAX, .count = INT64_MAX, .usual = INT64_MAX});
  table.restore(
      {.key = "joe", .begun_ms = INT64_MIN, .seen_ms = INT64_MAX, .count = INT64_MAX, .usual = INT64_MAX});
  REQUIRE(table.entries().size() == 1);
  const auto answer = table.count("JOE", 1, kNow);
  CHECK_FALSE(answer.limited);
  CHECK(answer.limit == 1'000'000'000'000'000);
  table.restore({.key = std::string(600, 'k')});
  CHECK(table.remove(std::string(600, 'k')));
}
