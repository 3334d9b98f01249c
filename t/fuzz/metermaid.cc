// MeterMaid's tables under questions as they come over its socket, and its file as a crash or a hand may have left it.
// The first byte chooses the rules, the second whether the rest is questions or a file. A question is a line: verb, key,
// amount and how many milliseconds passed since the last, with blanks between.
#include <fmt/format.h>
#include <xxhash.h>

#include "common/base/strings.h"
#include "metermaid/server.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::metermaid;

namespace {

constexpr std::int64_t kBegin = 1'800'000'000'000;
constexpr std::int64_t kMostEntries = 5;

Tables tables_of(std::uint8_t choice) {
  using enum TableRules::Type;
  constexpr TableRules::Type kTypes[] = {simple, throttle, greylist, usual_use};
  TableRules rules;
  rules.type = kTypes[choice & 3];
  rules.max_entries = kMostEntries;
  rules.quota = (choice & 4) ? 3 : 1000;
  rules.penalize = (choice & 8) != 0;
  rules.case_blind = (choice & 16) != 0;
  Tables tables;
  tables.emplace("t", Table(rules));
  return tables;
}

void must_be_sound(const Table& table) {
  MUST(std::ssize(table.entries()) <= kMostEntries);
  for (const auto& entry : table.entries()) MUST(table.look(entry.key) == &entry);
}

void must_be_same(const Table& one, const Table& other) {
  MUST(one.entries().size() == other.entries().size());
  for (auto a = one.entries().begin(), b = other.entries().begin(); a != one.entries().end(); ++a, ++b) {
    MUST(a->key == b->key && a->begun_ms == b->begun_ms && a->seen_ms == b->seen_ms);
    MUST(a->count == b->count && a->usual == b->usual && a->told == b->told);
  }
}

// Saved whole, and saved piece by piece, it is read as it is.
void must_last(std::uint8_t choice, const Tables& tables, const std::string& file) {
  auto whole = tables_of(choice), by_changes = tables_of(choice);
  const auto read = decode_tables(encode_tables(tables), whole);
  MUST(read && read->damaged_lines == 0);
  must_be_same(whole.at("t"), tables.at("t"));
  const auto followed = decode_tables(file, by_changes);
  MUST(followed && followed->damaged_lines == 0);
  for (const auto& entry : tables.at("t").entries()) {
    const auto* known = by_changes.at("t").look(entry.key);
    MUST(known && known->count == entry.count && known->usual == entry.usual);
  }
}

void questions(std::uint8_t choice, fuzz::Input in) {
  auto tables = tables_of(choice);
  auto file = encode_tables(tables);
  auto now_ms = kBegin;
  while (!in.at_end()) {
    const auto line = in.line();
    const auto words = split(line, ' ');
    const auto word = [&](std::size_t n) { return n < words.size() ? words[n] : std::string_view(); };
    now_ms += to_number<std::int32_t>(word(3)).value_or(0);
    Record question{std::string(word(0))};
    question.set("table", (line.size() & 63) == 63 ? "other" : "T")
        .set("key", word(1))
        .set("amount", word(2));
    const auto said = answer(tables, question, now_ms);
    MUST(said.is("answer") || (said.is("error") && !said.get("text").empty()));
    MUST(Record::decode(said.encode()).has_value());
    must_be_sound(tables.at("t"));
    file += encode_changes(tables);
  }
  must_last(choice, tables, file);
}

void damaged_file(std::uint8_t choice, fuzz::Input in) {
  auto tables = tables_of(choice);
  (void)decode_tables(in.rest(), tables);
  must_be_sound(tables.at("t"));
  // With checks that fit, so that what stands before them is looked at.
  std::string text = "waxwing-metermaid 1\n";
  while (!in.at_end()) {
    const auto line = in.line();
    text += fmt::format("{} {:08x}\n", line, XXH3_64bits(line.data(), line.size()) & 0xffffffffU);
  }
  const auto read = decode_tables(text, tables);
  MUST(read.has_value());
  must_be_sound(tables.at("t"));
  for (const char* verb : {"query", "count", "fetch", "adjust", "store", "remove"})
    for (const auto* key : {"6a", "j", "J"})
      (void)answer(tables, Record(verb).set("table", "t").set("key", key).set("amount", 7), kBegin);
  must_be_sound(tables.at("t"));
}

}  // namespace

FUZZ_TARGET(metermaid) {
  fuzz::Input in(input);
  const auto choice = in.byte();
  if (in.byte() & 1) return damaged_file(choice, in);
  questions(choice, in);
}
