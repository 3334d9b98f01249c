#include "channels/resubmit/open_now.h"

#include <algorithm>

namespace waxwing::channels {

using mta::queue::FileName;
using mta::queue::is_gone;
using mta::queue::Reader;

Result<Reader> open_now(const mta::queue::Queue& queue, const FileName& file, HeldOnes held) {
  constexpr int kMostLooks = 5;
  auto opened = Reader::open(queue, file);
  for (int look = 0; look < kMostLooks && !opened && is_gone(opened.error()); ++look) {
    TRY(const auto names, queue.list_bucket(file.channel, file.bucket));
    const auto now = std::ranges::find_if(names, [&](const FileName& name) {
      return (held == HeldOnes::too || !name.held) && name.key() == file.key();
    });
    if (now == names.end()) break;
    opened = Reader::open(queue, *now);
  }
  return opened;
}

}  // namespace waxwing::channels
