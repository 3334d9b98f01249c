#include "imapd/search/result.h"

#include <algorithm>

#include "common/mail/imap_structure.h"

namespace waxwing::imap {
namespace {

void append(std::vector<Range>& ranges, std::uint32_t n) {
  if (!ranges.empty() && ranges.back().last + 1 == n)
    ranges.back().last = n;
  else
    ranges.push_back({n, n});
}

std::string set_text(const std::vector<Range>& ranges) {
  std::string text;
  for (const auto& range : ranges) {
    if (!text.empty()) text += ',';
    text += std::to_string(range.first);
    if (range.last != range.first) text += ':' + std::to_string(range.last);
  }
  return text;
}

}  // namespace

void SearchResult::add(std::uint32_t sequence, const store::MessageInfo& message) {
  const auto told = style_.by_uid ? message.uid : sequence;
  if (count_++ == 0) {
    min_ = told;
    min_uid_ = message.uid;
    min_modseq_ = message.modseq;
  }
  max_ = told;
  max_uid_ = message.uid;
  max_modseq_ = message.modseq;
  highest_modseq_ = std::max(highest_modseq_, message.modseq);
  append(found_, told);
  if (style_.save && !style_.by_uid) append(uids_, message.uid);
}

std::vector<Range> SearchResult::saved() const {
  if (!only_ends()) return style_.by_uid ? found_ : uids_;
  std::vector<Range> ends;
  if (count_ > 0 && style_.min) ends.push_back({min_uid_, min_uid_});
  if (count_ > 0 && style_.max) ends.push_back({max_uid_, max_uid_});
  return normalized(std::move(ends));
}

// With MIN or MAX alone it is theirs, else the highest of all found: RFC 7162 §3.1.5.
std::uint64_t SearchResult::told_modseq() const {
  if (!only_ends()) return highest_modseq_;
  return std::max(style_.min ? min_modseq_ : 0, style_.max ? max_modseq_ : 0);
}

std::string SearchResult::extended_line(std::string_view tag) const {
  std::string line = "ESEARCH (TAG ";
  mail::append_imap_string(line, tag);
  line += ')';
  if (style_.by_uid) line += " UID";
  if (style_.count) line += " COUNT " + std::to_string(count_);
  if (count_ == 0) return line;
  if (style_.min) line += " MIN " + std::to_string(min_);
  if (style_.max) line += " MAX " + std::to_string(max_);
  if (style_.all) line += " ALL " + set_text(found_);
  if (style_.modseq) line += " MODSEQ " + std::to_string(told_modseq());
  return line;
}

Task<void> SearchResult::send(Session& session, std::string_view tag) const {
  if (style_.extended) {
    session.untagged(extended_line(tag));
    co_return;
  }
  session.write("* SEARCH");
  for (const auto& range : found_)
    for (auto n = range.first; n <= range.last; ++n) {
      session.write(" " + std::to_string(n));
      const bool goes_on = co_await session.breathe();
      if (!goes_on) co_return;
    }
  if (style_.modseq && count_ > 0) session.write(" (MODSEQ " + std::to_string(highest_modseq_) + ")");
  session.write("\r\n");
}

}  // namespace waxwing::imap
