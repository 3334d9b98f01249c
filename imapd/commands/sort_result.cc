#include "imapd/commands/sort_result.h"

#include "common/mail/imap_structure.h"

namespace waxwing::imap {
namespace {

constexpr std::size_t kPieceNumbers = 1024;

}  // namespace

Task<void> SortResult::send(Session& session, std::string_view tag) const {
  if (program.extended)
    co_await send_extended(session, tag);
  else
    co_await send_plain(session);
}

Task<void> SortResult::send_plain(Session& session) const {
  session.write("* SORT");
  std::string piece;
  for (std::size_t at = 0; at < order.size();) {
    piece.clear();
    for (const auto end = std::min(order.size(), at + kPieceNumbers); at < end; ++at) {
      piece += ' ';
      piece += std::to_string(numbers[order[at]]);
    }
    session.write(piece);
    const bool goes_on = co_await session.breathe();
    if (!goes_on) co_return;
  }
  if (highest_modseq && !order.empty()) session.write(" (MODSEQ " + std::to_string(highest_modseq) + ")");
  session.write("\r\n");
}

std::string SortResult::extended_head(std::string_view tag) const {
  std::string line = "* ESEARCH (TAG ";
  mail::append_imap_string(line, tag);
  line += by_uid ? ") UID" : ")";
  if (program.wants_count) line += " COUNT " + std::to_string(order.size());
  if (order.empty()) return line;
  if (program.wants_min) line += " MIN " + std::to_string(numbers[order.front()]);
  if (program.wants_max) line += " MAX " + std::to_string(numbers[order.back()]);
  return line;
}

std::string SortResult::extended_piece(std::size_t& at) const {
  std::string piece;
  for (const auto end = std::min(order.size(), at + kPieceNumbers); at < end;) {
    if (at > 0) piece += ',';
    const auto first = numbers[order[at++]];
    auto last = first;
    while (at < order.size() && numbers[order[at]] == last + 1) ++last, ++at;
    piece += std::to_string(first);
    if (last == first) continue;
    piece += ':';
    piece += std::to_string(last);
  }
  return piece;
}

Task<void> SortResult::send_extended(Session& session, std::string_view tag) const {
  session.write(extended_head(tag));
  if (program.wants_all && !order.empty()) {
    session.write(" ALL ");
    for (std::size_t at = 0; at < order.size();) {
      session.write(extended_piece(at));
      const bool goes_on = co_await session.breathe();
      if (!goes_on) co_return;
    }
  }
  if (highest_modseq && !order.empty()) session.write(" MODSEQ " + std::to_string(highest_modseq));
  session.write("\r\n");
}

std::vector<Range> SortResult::saved(std::span<const std::uint32_t> uids) const {
  std::vector<Range> ranges;
  const bool only_ends =
      (program.wants_min || program.wants_max) && !program.wants_all && !program.wants_count;
  if (!only_ends) {
    for (const auto uid : uids) ranges.push_back({uid, uid});
  } else if (!order.empty()) {
    if (program.wants_min) ranges.push_back({uids[order.front()], uids[order.front()]});
    if (program.wants_max) ranges.push_back({uids[order.back()], uids[order.back()]});
  }
  return normalized(std::move(ranges));
}

}  // namespace waxwing::imap
