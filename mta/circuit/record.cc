#include "mta/circuit/record.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace waxwing::mta::circuit {

namespace {

// The job that sends comes by the minute, and not on the second.
constexpr std::int64_t kEarlyMs = 30'000;

// Whether it was there.
bool take(std::deque<Sent>& from, const Sent& sent) {
  const auto at = std::ranges::find(from, sent);
  if (at == from.end()) return false;
  from.erase(at);
  return true;
}

bool is_overdue(const Sent& sent, std::int64_t now_ms, std::int64_t expires_seconds) {
  return now_ms - sent.sent_ms > expires_seconds * 1000;
}

}  // namespace

bool Record::use_bins(const std::vector<std::int64_t>& divisions) {
  if (divisions == divisions_) return false;
  const bool had_others = !bins_.empty();
  divisions_ = divisions;
  bins_.assign(divisions.size() + 1, 0);
  return had_others;
}

// Also when the clock was set back.
bool Record::is_due(std::int64_t now_ms, std::int64_t interval_seconds) const {
  const auto past = now_ms - figures_.last_sent_ms;
  return past < 0 || past + kEarlyMs >= interval_seconds * 1000;
}

Sent Record::send(std::int64_t now_ms) {
  const Sent sent{next_++, now_ms};
  if (waiting_.size() >= kMostRemembered) {
    lose(waiting_.front());
    waiting_.pop_front();
  }
  waiting_.push_back(sent);
  ++figures_.sent;
  figures_.last_sent_ms = now_ms;
  return sent;
}

void Record::withdraw(const Sent& sent, bool again) {
  if (!take(waiting_, sent)) return;
  --figures_.sent;
  if (again)
    figures_.last_sent_ms = 0;
  else
    ++figures_.unsent;
}

void Record::lose(const Sent& sent) {
  ++figures_.lost;
  lost_.push_back(sent);
  while (lost_.size() > kMostRemembered) {
    forgotten_ = std::max(forgotten_, lost_.front().number);
    lost_.pop_front();
  }
}

std::vector<Sent> Record::expire(std::int64_t now_ms, std::int64_t expires_seconds) {
  std::vector<Sent> gone;
  std::erase_if(waiting_, [&](const Sent& sent) {
    if (!is_overdue(sent, now_ms, expires_seconds)) return false;
    gone.push_back(sent);
    return true;
  });
  for (const auto& sent : gone) lose(sent);
  return gone;
}

std::size_t Record::overdue(std::int64_t now_ms, std::int64_t expires_seconds) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      waiting_, [&](const Sent& sent) { return is_overdue(sent, now_ms, expires_seconds); }));
}

Record::Came Record::came_back(const Token& token, std::int64_t now_ms, std::string_view arrival) {
  if (!counted_.empty() && arrival == counted_) return Came::again;
  const Sent sent{token.number, token.sent_ms};
  const bool late = take(lost_, sent);
  if (late) --figures_.lost;
  if (!late && !take(waiting_, sent)) {
    if (sent.sent_ms < since_ms_ || sent.number <= forgotten_ || sent.number >= next_) return Came::unknown;
    ++figures_.duplicates;
    counted_ = arrival;
    return Came::duplicate;
  }
  ++figures_.returned;
  figures_.last_returned_ms = now_ms;
  count_trip(std::max<std::int64_t>(now_ms - sent.sent_ms, 0));
  counted_ = arrival;
  // What was lost meanwhile belongs to what the postmaster knows of.
  if (std::exchange(warned_, false)) tell_up_to(missed());
  return late ? Came::late : Came::first;
}

std::vector<Sent> Record::missed() const {
  std::vector<Sent> missed;
  std::ranges::copy_if(lost_, std::back_inserter(missed),
                       [&](const Sent& sent) { return sent.number > told_; });
  return missed;
}

void Record::tell_up_to(const std::vector<Sent>& missed) {
  for (const auto& sent : missed) told_ = std::max(told_, sent.number);
}

void Record::warned_of(const std::vector<Sent>& missed) {
  tell_up_to(missed);
  warned_ = true;
}

void Record::count_trip(std::int64_t trip_ms) {
  figures_.last = trip_ms;
  figures_.total += trip_ms;
  figures_.shortest = figures_.returned == 1 ? trip_ms : std::min(figures_.shortest, trip_ms);
  figures_.longest = std::max(figures_.longest, trip_ms);
  if (bins_.empty()) return;
  const auto bin = std::ranges::find_if(divisions_, [&](auto seconds) { return trip_ms <= seconds * 1000; });
  ++bins_[static_cast<std::size_t>(bin - divisions_.begin())];
}

// Numbers go on, so that no message of before is taken for one of after.
void Record::clear(std::int64_t now_ms) {
  const auto next = next_;
  const auto last_sent_ms = figures_.last_sent_ms;
  const auto divisions = divisions_;
  *this = Record(now_ms);
  next_ = next;
  figures_.last_sent_ms = last_sent_ms;
  use_bins(divisions);
}

}  // namespace waxwing::mta::circuit
