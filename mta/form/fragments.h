// A large message as several that are put together again by who reads them: message/partial, RFC 2046 §5.2.2
// (maxblocks, maxlines). Pure but for the ids.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace waxwing::mta::form {

struct FragmentLimits {
  std::uint64_t max_bytes = 0, max_lines = 0;  // of each piece of the message; 0: none
};

// Empty: it fits, or it may not be cut (8-bit text that has no 7-bit form).
std::vector<std::string> fragments(std::string_view message, const FragmentLimits& limits,
                                   std::string_view host);

}  // namespace waxwing::mta::form
