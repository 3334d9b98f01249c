// A large message as several that are put together again by who reads them: message/partial, RFC 2046 §5.2.2
// (maxblocks, maxlines). Pure but for the ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace waxwing::mta::form {

struct FragmentLimits {
  std::uint64_t max_bytes = 0, max_lines = 0;  // of each piece of the message; 0: none
  // How much of that the header in front of a piece may take from its text; of a longer one the rest comes on top.
  double header_bytes_share = 0, header_lines_share = 0;
};

// The message, whole or cut. It is kept once; each piece is a header of its own and a range of it.
class Pieces {
 public:
  explicit Pieces(std::string message);  // whole
  // Whole as well: it fits, or it may not be cut (8-bit text that has no 7-bit form).
  static Pieces cut(std::string message, const FragmentLimits& limits, std::string_view host);

  std::size_t count() const { return ends_.size(); }
  bool fragments() const { return count() > 1; }
  // What stands in front of the text of a piece; empty for a whole message.
  std::string head(std::size_t piece) const;
  std::string_view text(std::size_t piece) const;

 private:
  std::string message_, fields_, id_, host_;
  std::vector<std::size_t> ends_;  // of each piece
};

}  // namespace waxwing::mta::form
