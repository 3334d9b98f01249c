// How a SORT is told: "* SORT 5 3 4" or "* ESEARCH (TAG ...) ... ALL 5,3:4" (RFC 5267 §3.1), where the set's
// order is the order and a range stands only for numbers that ascend by one.
#pragma once

#include <span>
#include <string>

#include "imapd/parse/search_key.h"
#include "imapd/session.h"

namespace waxwing::imap {

struct SortResult {
  const SearchProgram& program;  // what it wants to hear
  bool by_uid = false;
  std::span<const std::uint32_t> numbers;  // as told, by position
  std::span<const std::uint32_t> order;    // positions
  std::uint64_t highest_modseq = 0;        // 0: not to be told

  Task<void> send(Session& session, std::string_view tag) const;
  // UIDs for "$": everything, or with MIN or MAX alone just these.
  std::vector<Range> saved(std::span<const std::uint32_t> uids) const;
  // Everything before the ALL set.
  std::string extended_head(std::string_view tag) const;
  // The members of the ALL set from order[at] on, some hundred of them; moves at behind them.
  std::string extended_piece(std::size_t& at) const;

 private:
  Task<void> send_plain(Session& session) const;
  Task<void> send_extended(Session& session, std::string_view tag) const;
};

}  // namespace waxwing::imap
