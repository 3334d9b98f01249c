#include "imapd/parse/sequence_set.h"

#include <algorithm>

namespace waxwing::imap {
namespace {

Result<std::uint32_t> number_or_star(Scanner& in) {
  if (in.take('*')) return 0;
  return in.nz_number();
}

}  // namespace

Result<SequenceSet> SequenceSet::parse(Scanner& in, std::size_t max_ranges) {
  SequenceSet set;
  if (in.take('$')) {
    set.saved_ = true;
    return set;
  }
  do {
    if (set.pieces_.size() >= max_ranges) return permanent("too many ranges in one sequence set");
    TRY(const auto first, number_or_star(in));
    auto last = first;
    if (in.take(':')) {
      TRY(last, number_or_star(in));
    }
    set.pieces_.push_back({first, last});
  } while (in.take(','));
  return set;
}

std::vector<Range> SequenceSet::resolve(std::uint32_t largest) const {
  std::vector<Range> ranges;
  ranges.reserve(pieces_.size());
  for (auto [a, b] : pieces_) {
    if (a == kStar) a = largest;
    if (b == kStar) b = largest;
    ranges.push_back({std::min(a, b), std::max(a, b)});
  }
  return normalized(std::move(ranges));
}

std::vector<Range> normalized(std::vector<Range> ranges) {
  std::ranges::sort(ranges, {}, &Range::first);
  std::vector<Range> joined;
  for (const auto& range : ranges) {
    if (!joined.empty() && std::uint64_t(joined.back().last) + 1 >= range.first)
      joined.back().last = std::max(joined.back().last, range.last);
    else
      joined.push_back(range);
  }
  return joined;
}

bool contains(const std::vector<Range>& ranges, std::uint32_t n) {
  const auto after = std::ranges::upper_bound(ranges, n, {}, &Range::first);
  return after != ranges.begin() && std::prev(after)->last >= n;
}

void SetWriter::add(std::uint32_t n) {
  if (open_ && n == last_ + 1) {
    last_ = n;
    return;
  }
  close();
  first_ = last_ = n;
  open_ = true;
}

void SetWriter::close() {
  if (!open_) return;
  if (!text_.empty()) text_ += ',';
  text_ += std::to_string(first_);
  if (last_ != first_) text_ += ':' + std::to_string(last_);
  open_ = false;
}

std::string SetWriter::take() {
  close();
  return std::exchange(text_, {});
}

}  // namespace waxwing::imap
