#include "channels/master/turns.h"

#include <algorithm>

namespace waxwing::channels {

Turns::Turns(unsigned at_once, unsigned most)
    : at_once_(most > 0 ? std::min(at_once, most) : at_once),
      most_(most > 0 ? most : at_once),
      told_apart_(most > 0) {}

unsigned Turns::allowed() const {
  return std::min(at_once_ + quiet_, most_);
}

void Turns::look(unsigned running, unsigned quiet, std::int64_t head_waits_ms) {
  if (!told_apart_) return;
  quiet_ = quiet;
  if (full_) {
    full_ = running > most_ - (most_ + 3) / 4;  // not at the first that ends: it would be full again at once
  } else {
    full_ = running >= most_ && quiet * 2 >= running && head_waits_ms >= kPatienceMs;
  }
}

}  // namespace waxwing::channels
