// Which deliveries a mailbox has had, found by their hash: so that one that is repeated is known however much mail has
// come since, and one that is not costs no look at all that came.
//
// What is known grows with the index, message by message, and back in time as far as somebody asked. It is begun
// anew with each generation, and when it has become far larger than what is asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "store/mailbox/index.h"

namespace waxwing::store {

class Repeats {
 public:
  // The UID of the message with that delivery hash among those saved at `since` or later: from the newest back to the
  // first that is older. Any thread.
  std::optional<std::uint32_t> find(const std::shared_ptr<Index>& index, std::uint64_t delivery_hash,
                                    std::int64_t since);

 private:
  void begin(const std::shared_ptr<Index>& index, std::uint32_t count);
  void know(const IndexRecord& record, std::uint32_t slot);

  std::mutex mutex_;
  std::weak_ptr<Index> of_;
  std::unordered_map<std::uint64_t, std::uint32_t> slots_;  // of what lies in [first_, end_)
  std::uint32_t first_ = 0, end_ = 0;
  std::size_t begin_anew_at_ = 0;
};

}  // namespace waxwing::store
