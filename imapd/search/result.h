// What a SEARCH has found, in few bytes, and how it is told: "* SEARCH 2 84" or "* ESEARCH (TAG ...) ...".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "imapd/session.h"

namespace waxwing::imap {

class SearchResult {
 public:
  struct Style {
    bool by_uid = false;
    bool extended = false;  // ESEARCH
    bool modseq = false;    // tell the highest MODSEQ
    bool min = false, max = false, all = false, count = false, save = false;
  };
  explicit SearchResult(Style style) : style_(style) {}

  // In ascending order.
  void add(std::uint32_t sequence, const store::MessageInfo& message);
  // UIDs for "$": everything, or with MIN or MAX alone just these (RFC 5182 §2.1).
  std::vector<Range> saved() const;
  Task<void> send(Session& session, std::string_view tag) const;
  // The line of an ESEARCH answer, without "* " and line end.
  std::string extended_line(std::string_view tag) const;

 private:
  bool only_ends() const { return (style_.min || style_.max) && !style_.all && !style_.count; }
  std::uint64_t told_modseq() const;

  Style style_;
  std::vector<Range> found_;  // as told: numbers or UIDs
  std::vector<Range> uids_;   // with save, when by number
  std::uint32_t count_ = 0;
  std::uint32_t min_ = 0, max_ = 0;
  std::uint32_t min_uid_ = 0, max_uid_ = 0;
  std::uint64_t highest_modseq_ = 0, min_modseq_ = 0, max_modseq_ = 0;
};

}  // namespace waxwing::imap
