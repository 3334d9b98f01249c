#include "imapd/thread/ordered_subject.h"

namespace waxwing::imap {

Forest ordered_subject(const ThreadKeys& keys, std::span<const std::uint32_t> order) {
  Forest forest;
  forest.nodes.resize(order.size());
  // By subject: its thread's root and the child that came last.
  std::vector<std::uint32_t> root_of(keys.subject_count, Forest::kNone);
  std::vector<std::uint32_t> last_of(keys.subject_count, Forest::kNone);
  for (const auto position : order) {
    forest.nodes[position].message = position;
    const auto subject = keys.subjects[position];
    if (root_of[subject] == Forest::kNone) {
      root_of[subject] = position;
      forest.roots.push_back(position);
      continue;
    }
    auto& last = last_of[subject];
    (last == Forest::kNone ? forest.nodes[root_of[subject]].first_child : forest.nodes[last].next) = position;
    last = position;
  }
  return forest;
}

}  // namespace waxwing::imap
