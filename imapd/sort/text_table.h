// Texts by number, each once, and their order. Numbers are given out from 0, which is the empty text.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace waxwing::imap {

class TextTable {
 public:
  TextTable() { enter(""); }
  std::uint32_t enter(std::string_view text);
  std::uint32_t size() const { return static_cast<std::uint32_t>(texts_.size()); }
  // Place of each number in the order of the texts' bytes. Costs only what was entered since the last time
  // and one pass.
  const std::vector<std::uint32_t>& ranks();
  std::size_t bytes() const { return bytes_; }

 private:
  std::deque<std::string> texts_;  // never move: numbers_ has views of them
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
  std::vector<std::uint32_t> order_, ranks_;
  std::size_t bytes_ = 0;
};

}  // namespace waxwing::imap
