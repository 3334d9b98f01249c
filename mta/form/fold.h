// The lines of header fields: headerlinelength, headerlabelalign, maxheaderaddrs, maxheaderchars. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace waxwing::mta::form {

struct FoldRules {
  std::size_t line_length = 0;  // 0: lines stay as they are
  std::size_t label_align = 0;  // column where the value begins; 0: one blank behind the colon
};

// `Name: value`, folded at blanks, with its line end. A word longer than a line stays whole.
std::string folded(std::string_view name, std::string_view value, const FoldRules& rules);

// The addresses of one field's value, cut so that no piece has more than these; 0: no limit. A group is not
// cut. One piece: it fits.
std::vector<std::string> cut_addresses(std::string_view value, std::size_t max_addresses,
                                       std::size_t max_chars);

}  // namespace waxwing::mta::form
