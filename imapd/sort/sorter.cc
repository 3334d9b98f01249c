#include "imapd/sort/sorter.h"

#include <algorithm>

namespace waxwing::imap {
namespace {
constexpr std::size_t kRun = 64 << 10;
}

Sorter::Sorter(std::vector<std::vector<std::uint64_t>> columns) : columns_(std::move(columns)), width_(kRun) {
  const auto& first = columns_.front();
  items_.reserve(first.size());
  for (std::uint32_t n = 0; n < first.size(); ++n) items_.push_back({first[n], n});
}

bool Sorter::less(const Item& a, const Item& b) const {
  if (a.first != b.first) return a.first < b.first;
  for (std::size_t column = 1; column < columns_.size(); ++column) {
    const auto& values = columns_[column];
    if (values[a.position] != values[b.position]) return values[a.position] < values[b.position];
  }
  return a.position < b.position;
}

bool Sorter::step() {
  const auto by_keys = [this](const Item& a, const Item& b) { return less(a, b); };
  const auto at = [](auto& items, std::size_t n) {
    return items.begin() + static_cast<std::ptrdiff_t>(std::min(n, items.size()));
  };
  if (sorted_ < items_.size()) {
    std::sort(at(items_, sorted_), at(items_, sorted_ + kRun), by_keys);
    sorted_ = std::min(items_.size(), sorted_ + kRun);
  } else if (width_ < items_.size()) {
    spare_.resize(items_.size());
    std::merge(at(items_, merged_), at(items_, merged_ + width_), at(items_, merged_ + width_),
               at(items_, merged_ + 2 * width_), at(spare_, merged_), by_keys);
    merged_ += 2 * width_;
    if (merged_ >= items_.size()) {
      items_.swap(spare_);
      width_ *= 2;
      merged_ = 0;
    }
  }
  return sorted_ == items_.size() && width_ >= items_.size();
}

std::vector<std::uint32_t> Sorter::order() const {
  std::vector<std::uint32_t> positions;
  positions.reserve(items_.size());
  for (const auto& item : items_) positions.push_back(item.position);
  return positions;
}

}  // namespace waxwing::imap
