// LIST's patterns: * stands for anything, % for anything without "/". INBOX matches in any case.
//
// A pattern is made ready once and then costs one pass over each name, 64 of its characters at a time: a user
// may have ten thousand mailboxes and write patterns that fit nearly all of each name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace waxwing::imap {

class NamePattern {
 public:
  explicit NamePattern(std::string_view pattern);
  bool matches(std::string_view name) const;
  bool ends_in_percent() const { return ends_in_percent_; }

 private:
  using Word = std::uint64_t;
  // One bit for each place in the pattern; places can be reached by what has been seen of a name.
  using Places = std::vector<Word>;

  void add(char c);
  void advance(Places& places, char c) const;

  std::size_t size_ = 0;                 // characters, rows of wildcards taken together
  std::size_t literals_ = 0;             // those of them that are no wildcards
  Places any_, any_in_level_;            // where * stands, and %
  std::array<std::uint8_t, 256> row_{};  // by character: which of literal_; 0: it is not in the pattern
  std::vector<Places> literal_;          // where each character stands
  bool is_inbox_ = false;
  bool ends_in_percent_ = false;
};

}  // namespace waxwing::imap
