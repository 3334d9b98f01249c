#include "metermaid/table.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::metermaid {

namespace {
constexpr std::size_t kMostKeyBytes = 512;
constexpr std::int64_t kOne = 100;  // usual is kept in hundredths
constexpr std::int64_t kMostNumber = 1'000'000'000'000'000;
constexpr std::int64_t kMostUsual = kMostNumber * kOne;
constexpr std::int64_t kLatestMs = kMostNumber;

std::int64_t bounded(std::int64_t number) {
  return std::clamp(number, -kMostNumber, kMostNumber);
}

std::int64_t times(std::int64_t usual, std::int64_t factor) {
  return usual > kMostNumber / factor ? kMostNumber : usual * factor / kOne;
}
}  // namespace

std::string Table::folded(std::string_view key) const {
  key = key.substr(0, kMostKeyBytes);
  return rules_.case_blind ? to_lower(key) : std::string(key);
}

Entry& Table::entry_of(std::string_view given, std::int64_t now_ms) {
  auto key = folded(given);
  const auto found = by_key_.find(key);
  if (found != by_key_.end())
    entries_.splice(entries_.end(), entries_, found->second);
  else
    restore({.key = std::move(key), .begun_ms = now_ms, .seen_ms = now_ms});
  entries_.back().changed = true;
  return entries_.back();
}

void Table::restore(Entry entry) {
  entry.key = folded(entry.key);
  remove(entry.key);
  for (auto* time_ms : {&entry.begun_ms, &entry.seen_ms})
    *time_ms = std::clamp(*time_ms, std::int64_t{0}, kLatestMs);
  entry.count = bounded(entry.count);
  entry.usual = std::clamp(entry.usual, std::int64_t{0}, kMostUsual);
  while (!entries_.empty() && std::ssize(entries_) >= rules_.max_entries) {
    by_key_.erase(entries_.front().key);
    entries_.pop_front();
  }
  entries_.push_back(std::move(entry));
  by_key_[entries_.back().key] = std::prev(entries_.end());
}

const Entry* Table::look(std::string_view folded_key) const {
  const auto found = by_key_.find(folded_key);
  return found == by_key_.end() ? nullptr : &*found->second;
}

bool Table::counts_now(const Entry& entry, std::int64_t now_ms) const {
  const bool has_periods =
      rules_.type == TableRules::Type::throttle || rules_.type == TableRules::Type::usual_use;
  return !has_periods || !period_is_over(entry, now_ms);
}

const Entry* Table::find(std::string_view key, std::int64_t now_ms) const {
  const auto* entry = look(folded(key));
  return entry && counts_now(*entry, now_ms) ? entry : nullptr;
}

std::vector<const Entry*> Table::most(std::size_t n, std::int64_t now_ms) const {
  std::vector<const Entry*> found;
  for (const auto& entry : entries_)
    if (counts_now(entry, now_ms)) found.push_back(&entry);
  const auto middle = found.begin() + static_cast<std::ptrdiff_t>(std::min(n, found.size()));
  std::ranges::partial_sort(found, middle, [](const Entry* a, const Entry* b) {
    return a->count != b->count ? a->count > b->count : a->key < b->key;
  });
  found.erase(middle, found.end());
  return found;
}

bool Table::remove(std::string_view key) {
  const auto found = by_key_.find(folded(key));
  if (found == by_key_.end()) return false;
  const auto entry = found->second;
  by_key_.erase(found);
  removed_.push_back(std::move(entry->key));
  entries_.erase(entry);
  return true;
}

std::vector<std::string> Table::take_changes() {
  auto keys = std::move(removed_);
  removed_.clear();
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && entry->changed; ++entry) {
    entry->changed = false;
    keys.push_back(entry->key);
  }
  std::ranges::reverse(keys);  // the most recently used last, as in entries_
  return keys;
}

std::int64_t Table::store(std::string_view key, std::int64_t number, std::int64_t now_ms) {
  auto& entry = entry_of(key, now_ms);
  entry.seen_ms = now_ms;
  return entry.count = bounded(number);
}

std::int64_t Table::adjust(std::string_view key, std::int64_t difference, std::int64_t now_ms) {
  const auto* entry = find(key, now_ms);
  return store(key, (entry ? entry->count : 0) + bounded(difference), now_ms);
}

Answer Table::count(std::string_view key, std::int64_t amount, std::int64_t now_ms) {
  auto& entry = entry_of(key, now_ms);
  const auto answer = judge(entry, amount, now_ms);
  entry.seen_ms = now_ms;
  return answer;
}

Answer Table::query(std::string_view key, std::int64_t amount, std::int64_t now_ms) const {
  const auto* known = look(folded(key));
  Entry entry = known ? *known : Entry{.begun_ms = now_ms, .seen_ms = now_ms};
  return judge(entry, amount, now_ms);
}

Answer Table::judge(Entry& entry, std::int64_t amount, std::int64_t now_ms) const {
  switch (rules_.type) {
    case TableRules::Type::throttle:
      return throttle(entry, amount, now_ms);
    case TableRules::Type::greylist:
      return greylist(entry, now_ms);
    case TableRules::Type::usual_use:
      return usual_use(entry, amount, now_ms);
    case TableRules::Type::simple:
      break;
  }
  return {false, false, entry.count = bounded(entry.count + amount), 0};
}

// A clock that was put back must not lock anybody out.
bool Table::period_is_over(const Entry& entry, std::int64_t now_ms) const {
  return now_ms - entry.begun_ms >= rules_.quota_time_ms || now_ms < entry.begun_ms;
}

Answer Table::throttle(Entry& entry, std::int64_t amount, std::int64_t now_ms) const {
  if (period_is_over(entry, now_ms)) {
    entry.begun_ms = now_ms;
    entry.count = 0;
  }
  const bool limited = entry.count + amount > rules_.quota;
  if (!limited) entry.count += amount;
  if (limited && rules_.penalize) entry.begun_ms = now_ms;
  return {limited, false, entry.count, rules_.quota};
}

Answer Table::greylist(Entry& entry, std::int64_t now_ms) const {
  const auto idle = now_ms - entry.seen_ms;
  const auto age = now_ms - entry.begun_ms;
  const bool known = entry.usual != 0 && idle < rules_.inactivity_time_ms;
  if (known || rules_.block_time_ms == 0) return {false, false, ++entry.count, 0};
  const bool forgotten = entry.usual != 0 || age >= rules_.resubmit_time_ms || age < 0;
  if (!forgotten && age >= rules_.block_time_ms) {
    entry.usual = 1;
    return {false, false, ++entry.count, 0};
  }
  // The key stays where it is: by_key_ has a view of it.
  if (forgotten) entry.begun_ms = now_ms, entry.count = entry.usual = 0;
  return {true, false, ++entry.count, 0};
}

// What is usual follows the periods in which the key was used at all, a tenth of the way each; a period that was
// cut off counts with what was let through, so that nobody talks the limit up in a night.
Answer Table::usual_use(Entry& entry, std::int64_t amount, std::int64_t now_ms) const {
  if (period_is_over(entry, now_ms)) {
    if (entry.count > 0)
      entry.usual =
          entry.usual == 0 ? entry.count * kOne : entry.usual + (entry.count * kOne - entry.usual) / 10;
    entry.begun_ms = now_ms;
    entry.count = 0;
    entry.told = false;
  }
  const auto limit = std::max(rules_.quota, times(entry.usual, rules_.factor));
  const bool limited = entry.count + amount > limit;
  const bool first = limited && !entry.told;
  if (!limited) entry.count += amount;
  entry.told = entry.told || limited;
  return {limited, first, entry.count, limit};
}

}  // namespace waxwing::metermaid
