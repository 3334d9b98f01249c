// Sleeping on a word of a mapped file, across processes.
#pragma once

#include <cstdint>

namespace waxwing::store {

// Everybody who sleeps on it looks again.
void wake_waiting(const std::uint32_t& word);

}  // namespace waxwing::store
