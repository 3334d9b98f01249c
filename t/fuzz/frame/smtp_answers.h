// What a client of SMTP or LMTP is answered, looked at line by line.
#pragma once

#include <string_view>
#include <vector>

namespace waxwing::fuzz {

// The code of each answer, in order. Broken: a line that is none, an answer of lines with different codes, or one that
// does not end.
std::vector<int> codes_of(std::string_view answers);

}  // namespace waxwing::fuzz
