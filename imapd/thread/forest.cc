#include "imapd/thread/forest.h"

namespace waxwing::imap {
namespace {

constexpr std::size_t kPieceBytes = 8192;

}  // namespace

// A chain of only children stands in one list; where it branches, each child gets a list of its own.
void ForestWriter::descend(std::uint32_t node, std::string& text) {
  const auto& nodes = forest_.nodes;
  bool first = true;
  for (;;) {
    const auto& here = nodes[node];
    if (here.message != Forest::kNone) {
      if (!first) text += ' ';
      text += std::to_string(numbers_[here.message]);
      first = false;
    }
    if (here.first_child == Forest::kNone) {
      text += ')';
      return;
    }
    if (nodes[here.first_child].next != Forest::kNone) {
      if (!first) text += ' ';
      open_.push_back(here.first_child);
      return;
    }
    node = here.first_child;
  }
}

std::string ForestWriter::next() {
  std::string text;
  while (text.size() < kPieceBytes) {
    if (open_.empty()) {
      if (root_ == forest_.roots.size()) break;
      text += '(';
      descend(forest_.roots[root_++], text);
      continue;
    }
    const auto child = open_.back();
    if (child == Forest::kNone) {
      open_.pop_back();
      text += ')';
      continue;
    }
    open_.back() = forest_.nodes[child].next;
    text += '(';
    descend(child, text);
  }
  return text;
}

}  // namespace waxwing::imap
