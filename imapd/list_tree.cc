#include "imapd/list_tree.h"

#include <algorithm>

#include "imapd/parse/mailbox_name.h"

namespace waxwing::imap {
namespace {

bool matches_any(const std::vector<std::string>& patterns, const std::string& folder) {
  return std::ranges::any_of(patterns, [&](const auto& pattern) { return matches_pattern(pattern, folder); });
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

std::vector<ListTree::Row> ListTree::list(const ListArguments& arguments,
                                          const std::vector<std::string>& patterns, bool rev2) const {
  std::vector<Row> rows;
  for (const auto& [folder, node] : nodes_) {
    const bool below = (arguments.select_subscribed && node.subscribed_below) ||
                       (arguments.select_special_use && node.special_below);
    const bool child_info = arguments.recursive_match && below;
    const bool chosen = selected(node, arguments);
    if (!chosen && !child_info) continue;
    if (!matches_any(patterns, folder)) continue;
    rows.push_back({folder, attributes(node, arguments, rev2),
                    child_info && arguments.select_subscribed && node.subscribed_below, node.entry});
  }
  return rows;
}

std::vector<ListTree::Row> ListTree::lsub(const std::string& pattern) const {
  std::vector<Row> rows;
  for (const auto& [folder, node] : nodes_) {
    const bool parent_only = !node.subscribed && node.subscribed_below && pattern.ends_with('%');
    if ((!node.subscribed && !parent_only) || !matches_pattern(pattern, folder)) continue;
    rows.push_back({folder, parent_only ? "\\Noselect" : "", false, node.entry});
  }
  return rows;
}

}  // namespace waxwing::imap
