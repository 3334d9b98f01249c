// System flags: the parser's bits and the store's are different numbers of the same five flags.
#pragma once

#include <cstdint>

namespace waxwing::imap {

std::uint32_t store_flags(unsigned imap);
unsigned imap_flags(std::uint32_t store);

}  // namespace waxwing::imap
