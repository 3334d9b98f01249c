// Is that one list as an IMAP server may send it?
#pragma once

#include <string_view>

namespace waxwing::fuzz {

// "(" of atoms, quoted strings, literals and lists, well nested, and ")"; no byte behind it, no NUL.
bool is_imap_list(std::string_view text);

}  // namespace waxwing::fuzz
