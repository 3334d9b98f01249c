#include "imapd/selected.h"

#include <algorithm>

#include "imapd/parse/flag_list.h"
#include "imapd/store_flags.h"

namespace waxwing::imap {
namespace {

std::vector<Range> by_uids(const store::View& view, const std::vector<Range>& uids) {
  std::vector<Range> sequences;
  for (const auto& range : uids) {
    const auto first = view.sequence_from(range.first);
    const auto after = range.last == UINT32_MAX ? view.exists() + 1 : view.sequence_from(range.last + 1);
    if (first < after) sequences.push_back({first, after - 1});
  }
  return normalized(std::move(sequences));
}

}  // namespace

Result<std::vector<Range>> Selected::sequences(const SequenceSet& set, bool by_uid) const {
  if (set.is_saved_result()) return by_uids(*view, saved);
  const auto exists = view->exists();
  if (by_uid) {
    const auto largest = exists > 0 ? view->uid(exists) : 0;
    return by_uids(*view, set.resolve(largest));
  }
  auto ranges = set.resolve(exists);
  if (!ranges.empty() && (ranges.front().first == 0 || ranges.back().last > exists))
    return permanent("there are only " + std::to_string(exists) + " messages in this mailbox");
  return ranges;
}

store::UidSet Selected::uids(const std::vector<Range>& sequences) const {
  store::UidSet set;
  for (const auto& range : sequences)
    for (auto n = range.first; n <= range.last; ++n) store::add_uid(set, view->uid(n));
  return set;
}

std::string Selected::flags_text(const store::MessageInfo& message, bool with_recent) const {
  std::string text = "(";
  append_system_flags(text, imap_flags(message.flags));
  for (std::size_t n = 0; n < keywords.size() && !message.keywords.empty(); ++n) {
    if (!message.keywords.has(n)) continue;
    if (text.size() > 1) text += ' ';
    text += keywords[n];
  }
  if (with_recent && view->is_recent(message.uid)) text += text.size() > 1 ? " \\Recent" : "\\Recent";
  text += ')';
  return text;
}

std::string Selected::known_flags(bool permanent) const {
  std::string text = "(\\Answered \\Flagged \\Deleted \\Seen \\Draft";
  for (const auto& keyword : keywords) text += ' ' + keyword;
  if (permanent) text += " \\*";
  return text + ')';
}

}  // namespace waxwing::imap
