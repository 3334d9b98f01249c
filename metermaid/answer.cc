#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "metermaid/server.h"

namespace waxwing::metermaid {

namespace {

struct Asked {
  Table& table;
  std::string_view key;
  std::int64_t amount, now_ms;
};

Record say(const Answer& answer) {
  return Record("answer")
      .set("limited", answer.limited ? 1 : 0)
      .set("first", answer.first ? 1 : 0)
      .set("count", answer.count)
      .set("limit", answer.limit);
}

Record number(std::int64_t count) {
  return Record("answer").set("count", count);
}

Record known(bool is_known, std::int64_t count) {
  return Record("answer").set("known", is_known ? 1 : 0).set("count", count);
}

// How much is sent cannot be less than nothing.
std::int64_t use(const Asked& asked) {
  return std::clamp<std::int64_t>(asked.amount, 0, 1'000'000'000);
}

// entry= "<count> <limit> <usual, hundredths> <limit met in this period> <seen ms> <key>" for each; a greylist's and a
// simple table's have no limit.
Record list(const Asked& asked) {
  constexpr std::size_t kMostBytes = 40 * 1024;
  Record rows("answer");
  std::size_t bytes = 0;
  for (const auto* entry : asked.table.most(static_cast<std::size_t>(use(asked)), asked.now_ms)) {
    const auto limit = asked.table.query(entry->key, 0, asked.now_ms).limit;
    const auto line = fmt::format("{} {} {} {:d} {} {}", entry->count, limit, entry->usual, entry->told,
                                  entry->seen_ms, entry->key);
    bytes += line.size();
    if (bytes > kMostBytes) break;
    rows.set("entry", line);
  }
  return rows.set("keys", static_cast<std::int64_t>(asked.table.entries().size()));
}

struct Verb {
  std::string_view name;
  Record (*answer)(const Asked& asked);
};
constexpr Verb kVerbs[] = {
    {"count", [](const Asked& asked) { return say(asked.table.count(asked.key, use(asked), asked.now_ms)); }},
    {"query", [](const Asked& asked) { return say(asked.table.query(asked.key, use(asked), asked.now_ms)); }},
    {"fetch",
     [](const Asked& asked) {
       const auto* entry = asked.table.find(asked.key, asked.now_ms);
       return known(entry != nullptr, entry ? entry->count : 0);
     }},
    {"store",
     [](const Asked& asked) { return number(asked.table.store(asked.key, asked.amount, asked.now_ms)); }},
    {"adjust",
     [](const Asked& asked) { return number(asked.table.adjust(asked.key, asked.amount, asked.now_ms)); }},
    {"list", list},
    {"remove", [](const Asked& asked) { return known(asked.table.remove(asked.key), 0); }},
};

}  // namespace

Record answer(Tables& tables, const Record& question, std::int64_t now_ms) {
  const auto table = tables.find(to_lower(question.get("table")));
  if (table == tables.end())
    return Record("error").set("text", "there is no table metermaid.table." +
                                           printable(question.get("table"), 100) + " in msg.conf");
  for (const auto& verb : kVerbs)
    if (question.is(verb.name))
      return verb.answer({table->second, question.get("key"), question.number("amount", 1), now_ms});
  return Record("error").set("text", "ask count, query, fetch, list, store, adjust or remove");
}

}  // namespace waxwing::metermaid
