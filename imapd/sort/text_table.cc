#include "imapd/sort/text_table.h"

#include <algorithm>

namespace waxwing::imap {
namespace {

// string, number, map node, places in order_ and ranks_.
constexpr std::size_t kEntryBytes = sizeof(std::string) + 64 + 2 * sizeof(std::uint32_t);

}  // namespace

std::uint32_t TextTable::enter(std::string_view text) {
  const auto known = numbers_.find(text);
  if (known != numbers_.end()) return known->second;
  const auto number = size();
  const auto& kept = texts_.emplace_back(text);
  numbers_.emplace(kept, number);
  bytes_ += kEntryBytes + text.size();
  return number;
}

const std::vector<std::uint32_t>& TextTable::ranks() {
  const auto sorted = order_.size();
  if (sorted == texts_.size()) return ranks_;
  for (auto number = static_cast<std::uint32_t>(sorted); number < size(); ++number) order_.push_back(number);
  const auto less = [this](std::uint32_t a, std::uint32_t b) { return texts_[a] < texts_[b]; };
  const auto fresh = order_.begin() + static_cast<std::ptrdiff_t>(sorted);
  std::sort(fresh, order_.end(), less);
  std::inplace_merge(order_.begin(), fresh, order_.end(), less);
  ranks_.resize(order_.size());
  for (std::uint32_t place = 0; place < order_.size(); ++place) ranks_[order_[place]] = place;
  return ranks_;
}

}  // namespace waxwing::imap
