// Threads as trees, and how THREAD tells them: "(2)(3 6 (4 23)(44 7 96))" (RFC 5256 §4).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace waxwing::imap {

// Nodes by number. A node without a message holds children together that have lost their parent.
struct Forest {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Node {
    std::uint32_t message = kNone;  // position in the list of messages
    std::uint32_t first_child = kNone, next = kNone;
  };
  std::vector<Node> nodes;
  std::vector<std::uint32_t> roots;  // in order
};

// Writes a forest piece by piece; however deep the trees are, it takes no recursion.
class ForestWriter {
 public:
  // numbers: what is told for each message. Both must outlive the writer.
  ForestWriter(const Forest& forest, std::span<const std::uint32_t> numbers)
      : forest_(forest), numbers_(numbers) {}
  // The next few kilobytes; empty at the end.
  std::string next();

 private:
  void descend(std::uint32_t node, std::string& text);

  const Forest& forest_;
  std::span<const std::uint32_t> numbers_;
  std::size_t root_ = 0;
  std::vector<std::uint32_t> open_;  // for each list that is open: the child to be opened next
};

}  // namespace waxwing::imap
