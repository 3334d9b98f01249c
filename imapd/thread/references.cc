#include "imapd/thread/references.h"

#include <algorithm>

namespace waxwing::imap {
namespace {
constexpr std::uint32_t kMessagesAStep = 32 << 10;
// Walks to the top of a thread: in one step, in all for each reference, and the longest beyond that.
constexpr std::uint64_t kWalkedAStep = 1 << 20;
constexpr std::uint64_t kWalkedEach = 64;
constexpr unsigned kShortWalk = 64;
}  // namespace

// Nodes 1 to id_count - 1 are the message ids, whether their messages are here or not.
ReferencesThreader::ReferencesThreader(const ThreadKeys& keys, std::span<const std::uint32_t> order)
    : keys_(keys),
      order_(order),
      rank_(order.size()),
      most_walked_(kWalkedAStep + kWalkedEach * (keys.references.size() + order.size())) {
  for (std::uint32_t place = 0; place < order.size(); ++place) rank_[order[place]] = place;
  forest_.nodes.resize(keys.id_count);
  parent_.assign(keys.id_count, kNone);
  previous_.assign(keys.id_count, kNone);
}

bool ReferencesThreader::step() {
  if (added_ < order_.size()) {
    const auto end = std::min<std::size_t>(order_.size(), added_ + kMessagesAStep);
    const auto until = walked_ + kWalkedAStep;
    while (added_ < end && walked_ < until) add_message(added_++);
    return false;
  }
  if (forest_.roots.empty() && !order_.empty()) {
    collect_roots();
    prune();
    return false;
  }
  merge_subjects();
  sort_siblings();
  return true;
}

ReferencesThreader::Number ReferencesThreader::new_node() {
  forest_.nodes.emplace_back();
  parent_.push_back(kNone);
  previous_.push_back(kNone);
  return static_cast<Number>(forest_.nodes.size() - 1);
}

void ReferencesThreader::link(Number parent, Number child) {
  auto& nodes = forest_.nodes;
  const auto first = nodes[parent].first_child;
  nodes[child].next = first;
  if (first != kNone) previous_[first] = child;
  nodes[parent].first_child = child;
  previous_[child] = kNone;
  parent_[child] = parent;
}

void ReferencesThreader::unlink(Number child) {
  auto& nodes = forest_.nodes;
  const auto parent = parent_[child];
  if (parent == kNone) return;
  const auto next = nodes[child].next;
  const auto previous = previous_[child];
  (previous == kNone ? nodes[parent].first_child : nodes[previous].next) = next;
  if (next != kNone) previous_[next] = previous;
  nodes[child].next = previous_[child] = parent_[child] = kNone;
}

// Who has no children is nobody's ancestor: that spares nearly every walk to the top. Mail that was made to
// need many long ones gets short ones in the end: a link whose harmlessness is too costly to prove is not
// made.
bool ReferencesThreader::would_loop(Number parent, Number child) {
  if (parent == child) return true;
  if (forest_.nodes[child].first_child == kNone) return false;
  unsigned left = kShortWalk;
  for (auto at = parent; at != kNone; at = parent_[at]) {
    if (at == child) return true;
    if (++walked_ > most_walked_ && left-- == 0) return true;
  }
  return false;
}

void ReferencesThreader::add_message(std::uint32_t position) {
  const auto begin = keys_.reference_begins[position], end = keys_.reference_begins[position + 1];
  auto before = kNone;
  for (auto at = begin; at < end; ++at) {
    const auto reference = keys_.references[at];
    if (before != kNone && parent_[reference] == kNone && !would_loop(before, reference))
      link(before, reference);
    before = reference;
  }
  // An id that a message has already is none.
  auto own = keys_.ids[position];
  if (own == 0 || !is_dummy(own)) own = new_node();
  forest_.nodes[own].message = position;
  unlink(own);
  if (before != kNone && !would_loop(before, own)) link(before, own);
}

void ReferencesThreader::collect_roots() {
  for (Number node = 1; node < forest_.nodes.size(); ++node)
    if (parent_[node] == kNone && (!is_dummy(node) || forest_.nodes[node].first_child != kNone))
      forest_.roots.push_back(node);
}

// Nodes without a message go, their children take their place; among the roots only when it is one child.
void ReferencesThreader::prune() {
  auto& nodes = forest_.nodes;
  std::vector<Number> inner(forest_.roots);
  for (std::size_t at = 0; at < inner.size(); ++at)
    for (auto child = nodes[inner[at]].first_child; child != kNone; child = nodes[child].next)
      inner.push_back(child);
  inner.erase(inner.begin(), inner.begin() + static_cast<std::ptrdiff_t>(forest_.roots.size()));
  // Parents before their children: what hangs on one that goes hangs on one that stays in one move.
  for (const auto node : inner) {
    const auto parent = parent_[node];
    const auto above = parent_[parent];
    if (!is_dummy(parent) || above == kNone) continue;
    unlink(node);
    link(above, node);
  }
  for (const auto node : inner)
    if (is_dummy(node)) unlink(node);
  std::erase_if(forest_.roots, [&](Number& root) {
    const auto child = nodes[root].first_child;
    if (!is_dummy(root)) return false;
    if (child == kNone) return true;
    if (nodes[child].next != kNone) return false;
    unlink(child);
    root = child;
    return false;
  });
}

std::uint32_t ReferencesThreader::spokesman(Number node) const {
  const auto message = forest_.nodes[node].message;
  return message != kNone ? message : forest_.nodes[forest_.nodes[node].first_child].message;
}

void ReferencesThreader::sort_by_date(std::vector<Number>& nodes) const {
  std::ranges::sort(nodes, {}, [this](Number node) { return rank_[spokesman(node)]; });
}

void ReferencesThreader::sort_children(Number parent) {
  auto& nodes = forest_.nodes;
  const auto first = nodes[parent].first_child;
  if (first == kNone || nodes[first].next == kNone) return;
  std::vector<Number> children;
  for (auto child = first; child != kNone; child = nodes[child].next) children.push_back(child);
  sort_by_date(children);
  for (std::size_t n = 0; n < children.size(); ++n) {
    nodes[children[n]].next = n + 1 < children.size() ? children[n + 1] : kNone;
    previous_[children[n]] = n > 0 ? children[n - 1] : kNone;
  }
  nodes[parent].first_child = children.front();
}

// Threads that belong together by their base subject, which may have lost their References.
void ReferencesThreader::merge_subjects() {
  auto& roots = forest_.roots;
  for (const auto root : roots)
    if (is_dummy(root)) sort_children(root);
  sort_by_date(roots);
  root_of_subject_.assign(keys_.subject_count, kNone);
  for (const auto root : roots) {
    const auto message = spokesman(root);
    auto& known = root_of_subject_[keys_.subjects[message]];
    const bool better =
        known == kNone || (!is_dummy(known) &&
                           (is_dummy(root) || (keys_.replies[spokesman(known)] && !keys_.replies[message])));
    if (better) known = root;
  }
  place_.assign(forest_.nodes.size() + roots.size(), 0);
  for (std::uint32_t place = 0; place < roots.size(); ++place) place_[roots[place]] = place;
  for (std::uint32_t place = 0; place < roots.size(); ++place) {
    const auto root = roots[place];
    const auto subject = root == kNone ? 0 : keys_.subjects[spokesman(root)];
    if (subject == 0 || root_of_subject_[subject] == root) continue;  // 0 is the empty subject
    merge_into(root_of_subject_[subject], root);
  }
  std::erase(roots, kNone);
}

// `other` leaves the roots; both may get a new node above them, in the place of `root`.
void ReferencesThreader::merge_into(Number root, Number other) {
  auto& nodes = forest_.nodes;
  const auto message = spokesman(other);
  forest_.roots[place_[other]] = kNone;
  if (is_dummy(root) && is_dummy(other)) {
    while (nodes[other].first_child != kNone) {
      const auto child = nodes[other].first_child;
      unlink(child);
      link(root, child);
    }
  } else if (is_dummy(root) || (keys_.replies[message] && !keys_.replies[nodes[root].message])) {
    link(root, other);
  } else {
    const auto above = new_node();
    link(above, root);
    link(above, other);
    forest_.roots[place_[root]] = above;
    place_[above] = place_[root];
    root_of_subject_[keys_.subjects[message]] = above;
  }
}

void ReferencesThreader::sort_siblings() {
  for (Number node = 1; node < forest_.nodes.size(); ++node) sort_children(node);
  sort_by_date(forest_.roots);
}

}  // namespace waxwing::imap
