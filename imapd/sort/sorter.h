// Sorts positions by columns of numbers, a piece at a time. Ties keep the order of positions.
#pragma once

#include <cstdint>
#include <vector>

namespace waxwing::imap {

class Sorter {
 public:
  // Each column has one value a position; the first decides, then the second. At least one column.
  explicit Sorter(std::vector<std::vector<std::uint64_t>> columns);
  // Works on for some milliseconds. True when everything is sorted.
  bool step();
  // Positions in order, once step() has said true.
  std::vector<std::uint32_t> order() const;

 private:
  struct Item {
    std::uint64_t first;
    std::uint32_t position;
  };
  bool less(const Item& a, const Item& b) const;

  std::vector<std::vector<std::uint64_t>> columns_;
  std::vector<Item> items_, spare_;
  std::size_t sorted_ = 0;  // of the first pass: runs
  std::size_t width_;       // of a run
  std::size_t merged_ = 0;  // of the pass that merges runs of that width
};

}  // namespace waxwing::imap
