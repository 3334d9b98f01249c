#include "imapd/list_tree.h"

#include <algorithm>

#include "common/base/time.h"
#include "imapd/parse/mailbox_name.h"

namespace waxwing::imap {
namespace {

bool matches_any(const std::vector<NamePattern>& patterns, const std::string& folder) {
  return std::ranges::any_of(patterns, [&](const auto& pattern) { return pattern.matches(folder); });
}

void add_word(std::string& list, std::string_view word) {
  if (!list.empty()) list += ' ';
  list += word;
}

}  // namespace

ListTree::ListTree(const std::vector<store::MailboxEntry>& entries,
                   const std::vector<store::MailboxName>& subscriptions) {
  nodes_["INBOX"].exists = true;
  for (const auto& entry : entries) {
    auto& node = nodes_[entry.name.folder];
    node.entry = &entry;
    node.exists = true;
  }
  for (const auto& name : subscriptions) nodes_[name.folder].subscribed = true;
  const auto own = nodes_;
  for (const auto& [folder, node] : own) add_ancestors(folder, node);
}

void ListTree::add_ancestors(const std::string& folder, const Node& node) {
  for (auto parent = parent_of(folder); !parent.empty(); parent = parent_of(parent)) {
    auto& above = nodes_[std::string(parent)];
    above.has_child |= node.exists;
    above.subscribed_below |= node.subscribed;
    above.special_below |= node.special();
  }
}

bool ListTree::selected(const Node& node, const ListArguments& arguments) {
  if (arguments.select_subscribed && !node.subscribed) return false;
  if (arguments.select_special_use && !node.special()) return false;
  return arguments.select_subscribed || node.exists || node.has_child;
}

std::string ListTree::attributes(const Node& node, const ListArguments& arguments, bool rev2) const {
  std::string list;
  if (!node.exists) add_word(list, rev2 || arguments.extended ? "\\NonExistent" : "\\Noselect");
  add_word(list, node.has_child ? "\\HasChildren" : "\\HasNoChildren");
  if (node.subscribed && (arguments.return_subscribed || arguments.select_subscribed))
    add_word(list, "\\Subscribed");
  if (node.special()) add_word(list, node.entry->special_use);
  return list;
}

template <class Visit>
bool ListTree::walk(Found& found, std::int64_t until_ms, Visit visit) const {
  constexpr unsigned kClockEvery = 16;
  unsigned seen = 0;
  for (auto at = nodes_.upper_bound(found.after); at != nodes_.end(); ++at) {
    visit(at->first, at->second);
    if (++seen % kClockEvery != 0 || monotonic_ms() < until_ms) continue;
    found.after = at->first;
    return false;
  }
  return true;
}

bool ListTree::list(const ListArguments& arguments, const std::vector<NamePattern>& patterns, bool rev2,
                    Found& found, std::int64_t until_ms) const {
  return walk(found, until_ms, [&](const std::string& folder, const Node& node) {
    const bool below = (arguments.select_subscribed && node.subscribed_below) ||
                       (arguments.select_special_use && node.special_below);
    const bool child_info = arguments.recursive_match && below;
    if (!selected(node, arguments) && !child_info) return;
    if (!matches_any(patterns, folder)) return;
    found.rows.push_back({folder, attributes(node, arguments, rev2),
                          child_info && arguments.select_subscribed && node.subscribed_below, node.entry});
  });
}

bool ListTree::lsub(const NamePattern& pattern, Found& found, std::int64_t until_ms) const {
  return walk(found, until_ms, [&](const std::string& folder, const Node& node) {
    const bool parent_only = !node.subscribed && node.subscribed_below && pattern.ends_in_percent();
    if ((!node.subscribed && !parent_only) || !pattern.matches(folder)) return;
    found.rows.push_back({folder, parent_only ? "\\Noselect" : "", false, node.entry});
  });
}

}  // namespace waxwing::imap
