// Sequence sets: "1,3:7,9:*" over message numbers or UIDs, and "$", the saved search result
// (RFC 9051 §9 sequence-set, RFC 5182).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "imapd/parse/scanner.h"

namespace waxwing::imap {

// Both ends included, first <= last.
struct Range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  bool operator==(const Range&) const = default;
};

class SequenceSet {
 public:
  // At most max_ranges pieces.
  static Result<SequenceSet> parse(Scanner& in, std::size_t max_ranges = 20000);

  bool is_saved_result() const { return saved_; }
  // Sorted ranges that do not touch, with * taken as `largest`. Numbers above largest stay (the caller
  // judges them). An empty mailbox has largest 0 and * then gives 0.
  std::vector<Range> resolve(std::uint32_t largest) const;

 private:
  static constexpr std::uint32_t kStar = 0;  // no number is 0
  std::vector<Range> pieces_;
  bool saved_ = false;
};

// Sorts and joins ranges that overlap or touch.
std::vector<Range> normalized(std::vector<Range> ranges);
// True when n lies in sorted ranges.
bool contains(const std::vector<Range>& ranges, std::uint32_t n);

// Builds "1:3,7" from numbers in any order, joining runs that come one after another.
class SetWriter {
 public:
  void add(std::uint32_t n);
  std::string take();  // the text; empty when nothing was added
  bool empty() const { return !open_ && text_.empty(); }
  std::size_t size() const { return text_.size(); }

 private:
  void close();
  std::string text_;
  std::uint32_t first_ = 0, last_ = 0;
  bool open_ = false;
};

}  // namespace waxwing::imap
