// One table of MeterMaid: keys, and what was counted of each. See metermaid(8).
//
// Memory is bounded by max_entries: the key that was asked for longest ago goes first. Every call costs the same,
// however many keys there are. Times are wall milliseconds, given by the caller. Not thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace waxwing::metermaid {

struct TableRules {
  enum class Type : std::uint8_t {
    simple,     // a number for each key, by store and adjust
    throttle,   // at most quota in quota_time
    greylist,   // refused for block_time when first seen, then let in
    usual_use,  // at most factor times what is usual for the key, or quota, whichever is more, in quota_time
  };
  Type type = Type::throttle;
  std::int64_t max_entries = 10000;
  std::int64_t quota = 100;
  std::int64_t quota_time_ms = 60000;
  bool penalize = false;  // throttle: who goes on while refused begins a new period each time
  bool case_blind = false;
  std::int64_t block_time_ms = 5 * 60000;            // greylist
  std::int64_t resubmit_time_ms = 4 * 3600000;       // greylist: comes again so soon, or is new again
  std::int64_t inactivity_time_ms = 7 * 86400000LL;  // greylist: forgotten when not seen for so long
  std::int64_t factor = 10;                          // usual_use
};

struct Entry {
  std::string key;
  std::int64_t begun_ms = 0;  // of the period; greylist: first seen
  std::int64_t seen_ms = 0;
  std::int64_t count = 0;  // in the period
  std::int64_t usual = 0;  // usual_use: hundredths; greylist: 1 when let in
  bool told = false;       // usual_use: the limit was met in this period
  bool changed = false;    // since take_changes()
};

struct Answer {
  bool limited = false;
  bool first = false;  // usual_use: the first time in this period
  std::int64_t count = 0;
  std::int64_t limit = 0;
};

class Table {
 public:
  explicit Table(TableRules rules) : rules_(rules) {}

  // Counts amount for the key (greylist: one try) and answers whether that is too much. What is refused is not
  // counted, save by penalize. A simple table limits nobody.
  Answer count(std::string_view key, std::int64_t amount, std::int64_t now_ms);
  // What count() would answer; nothing is counted, and a new key is not kept.
  Answer query(std::string_view key, std::int64_t amount, std::int64_t now_ms) const;
  // The key's number, made when it is not there. Within +-10^15.
  std::int64_t store(std::string_view key, std::int64_t number, std::int64_t now_ms);
  std::int64_t adjust(std::string_view key, std::int64_t difference, std::int64_t now_ms);
  // Null: unknown, or its period is over.
  const Entry* find(std::string_view key, std::int64_t now_ms) const;
  bool remove(std::string_view key);

  // Keys with the largest counts, largest first, of those whose period is not over; n at most. Looks at all of them.
  std::vector<const Entry*> most(std::size_t n, std::int64_t now_ms) const;

  // The least recently used first; those that changed are at the end.
  const std::list<Entry>& entries() const { return entries_; }
  // Takes the place of the key's entry, if it has one. Numbers and times that cannot be are brought into bounds, for
  // they come from a file.
  void restore(Entry entry);
  // Keys of entries that changed or were removed since the last call; each once, as they are or are not now.
  std::vector<std::string> take_changes();
  const Entry* look(std::string_view folded_key) const;

 private:
  Entry& entry_of(std::string_view key, std::int64_t now_ms);
  std::string folded(std::string_view key) const;
  Answer judge(Entry& entry, std::int64_t amount, std::int64_t now_ms) const;
  Answer throttle(Entry& entry, std::int64_t amount, std::int64_t now_ms) const;
  Answer greylist(Entry& entry, std::int64_t now_ms) const;
  Answer usual_use(Entry& entry, std::int64_t amount, std::int64_t now_ms) const;
  bool counts_now(const Entry& entry, std::int64_t now_ms) const;
  bool period_is_over(const Entry& entry, std::int64_t now_ms) const;

  TableRules rules_;
  std::list<Entry> entries_;                                                 // the most recently used last
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  // views of the entries' keys
  std::vector<std::string> removed_;
};

}  // namespace waxwing::metermaid
