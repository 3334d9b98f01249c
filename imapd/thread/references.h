// THREAD=REFERENCES: RFC 5256 §3, the algorithm of Jamie Zawinski, step by step.
#pragma once

#include "imapd/sort/mailbox_keys.h"
#include "imapd/thread/forest.h"

namespace waxwing::imap {

class ReferencesThreader {
 public:
  // keys with ids; order: positions by sent date, ties by position. Both must outlive the threader.
  ReferencesThreader(const ThreadKeys& keys, std::span<const std::uint32_t> order);
  // Works on for some milliseconds. True when the forest is ready.
  bool step();
  Forest take() { return std::move(forest_); }

 private:
  using Number = std::uint32_t;  // of a node
  static constexpr Number kNone = Forest::kNone;

  void add_message(std::uint32_t position);  // step 1
  void link(Number parent, Number child);
  void unlink(Number child);
  bool would_loop(Number parent, Number child);
  void collect_roots();   // step 2
  void prune();           // step 3
  void merge_subjects();  // steps 4 and 5
  void merge_into(Number root, Number other);
  void sort_siblings();  // step 6
  Number new_node();
  bool is_dummy(Number node) const { return forest_.nodes[node].message == kNone; }
  // The message that speaks for a node: its own, or its first child's.
  std::uint32_t spokesman(Number node) const;
  void sort_children(Number parent);
  void sort_by_date(std::vector<Number>& nodes) const;

  const ThreadKeys& keys_;
  std::span<const std::uint32_t> order_;
  std::vector<std::uint32_t> rank_;  // by position: place in order_
  Forest forest_;
  std::vector<Number> parent_, previous_;  // by node; previous sibling
  std::vector<Number> root_of_subject_;
  std::vector<std::uint32_t> place_;  // by node: in roots
  std::uint32_t added_ = 0;
  std::uint64_t walked_ = 0;  // nodes passed by would_loop()
  const std::uint64_t most_walked_;
};

}  // namespace waxwing::imap
