// A record as a file: "waxwing circuit 1", a line for each thing that is known, "end".
#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "mta/circuit/record.h"

namespace waxwing::mta::circuit {

namespace {

constexpr std::string_view kFirst = "waxwing circuit 1";
constexpr std::string_view kLast = "end";  // a file without it is not whole
constexpr std::size_t kMostBins = 1000, kMostArrivalBytes = 100;

struct Unsigned {
  const char* name;
  std::uint64_t Figures::*member;
};
constexpr Unsigned kCounts[] = {{"sent", &Figures::sent},
                                {"returned", &Figures::returned},
                                {"lost", &Figures::lost},
                                {"duplicates", &Figures::duplicates},
                                {"unsent", &Figures::unsent}};
struct Signed {
  const char* name;
  std::int64_t Figures::*member;
};
constexpr Signed kTimes[] = {
    {"last-sent", &Figures::last_sent_ms}, {"last-returned", &Figures::last_returned_ms},
    {"last-trip", &Figures::last},         {"shortest-trip", &Figures::shortest},
    {"longest-trip", &Figures::longest},   {"total-trip", &Figures::total}};

constexpr std::int64_t kMost = 1'000'000'000'000'000;  // of any number: sums of them have room

// The whole value of a line; false when it is anything else.
bool read_count(std::string_view text, std::uint64_t& into) {
  const auto number = to_number<std::uint64_t>(text);
  if (!number || *number > kMost) return false;
  into = *number;
  return true;
}

bool read_time(std::string_view text, std::int64_t& into) {
  const auto number = to_number<std::int64_t>(text);
  if (!number || *number < 0 || *number > kMost) return false;
  into = *number;
  return true;
}

bool read_sent(std::string_view text, std::deque<Sent>& into) {
  Sent sent;
  const auto number = take_until(text, ' ');
  if (into.size() >= kMostRemembered || !read_count(number, sent.number) || !read_time(text, sent.sent_ms))
    return false;
  into.push_back(sent);
  return true;
}

}  // namespace

std::string Record::text() const {
  std::string out = fmt::format("{}\nsince {}\nnext {}\nforgotten {}\ntold {}\nwarned {}\n", kFirst,
                                since_ms_, next_, forgotten_, told_, warned_ ? 1 : 0);
  for (const auto& [name, member] : kCounts) out += fmt::format("{} {}\n", name, figures_.*member);
  for (const auto& [name, member] : kTimes) out += fmt::format("{} {}\n", name, figures_.*member);
  if (!counted_.empty()) out += "counted " + counted_ + "\n";
  for (std::size_t i = 0; i < bins_.size(); ++i)
    out += fmt::format("bin {} {}\n", i < divisions_.size() ? divisions_[i] : 0, bins_[i]);
  for (const auto& sent : waiting_) out += fmt::format("waits {} {}\n", sent.number, sent.sent_ms);
  for (const auto& sent : lost_) out += fmt::format("missed {} {}\n", sent.number, sent.sent_ms);
  return out.append(kLast).append("\n");
}

bool Record::read_bin(std::string_view text) {
  const auto upper = take_until(text, ' ');
  return bins_.size() < kMostBins && read_time(upper, divisions_.emplace_back()) &&
         read_count(text, bins_.emplace_back());
}

bool Record::read_line(std::string_view name, std::string_view value) {
  for (const auto& [count, member] : kCounts)
    if (name == count) return read_count(value, figures_.*member);
  for (const auto& [time, member] : kTimes)
    if (name == time) return read_time(value, figures_.*member);
  if (name == "since") return read_time(value, since_ms_);
  if (name == "next") return read_count(value, next_);
  if (name == "forgotten") return read_count(value, forgotten_);
  if (name == "told") return read_count(value, told_);
  if (name == "waits") return read_sent(value, waiting_);
  if (name == "missed") return read_sent(value, lost_);
  if (name == "bin") return read_bin(value);
  if (name == "counted") {
    counted_ = value;
    return value.size() <= kMostArrivalBytes;
  }
  warned_ = value == "1";
  return name == "warned" && (value == "0" || value == "1");
}

Result<Record> Record::parse(std::string_view text) {
  Record record;
  int number = 1;
  const auto bad = [&] { return permanent(fmt::format("line {} is damaged", number)); };
  if (take_until(text, '\n') != kFirst) return bad();
  bool whole = false;
  while (!text.empty() && !whole) {
    ++number;
    auto line = take_until(text, '\n');
    whole = line == kLast;
    const auto name = take_until(line, ' ');
    if (!whole && !record.read_line(name, line)) return bad();
  }
  if (!whole || !text.empty() || record.next_ == 0) return bad();
  auto& divisions = record.divisions_;
  if (!divisions.empty()) divisions.pop_back();  // the last bin has no upper end
  if (std::ranges::adjacent_find(divisions, std::ranges::greater_equal{}) != divisions.end())
    return permanent("the bins are damaged");
  const auto& figures = record.figures_;
  if (figures.sent != figures.returned + figures.lost + record.waiting_.size() ||
      figures.lost < record.lost_.size())
    return permanent("the figures contradict each other");
  return record;
}

}  // namespace waxwing::mta::circuit
