// Who has been told already: one small text file a user, ROOT/autoreply/<xx>/<user>, "seconds address" a line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::channels {

// More than so many in one period get nothing: replies are no way to send mail to the world.
inline constexpr std::size_t kMostTold = 1000;

class Told {
 public:
  // user: its name in the store.
  Told(std::string folder, std::string_view user, std::int64_t period_seconds);
  // Whether this sender may be told now. Blocks.
  Result<bool> may_tell(std::string_view sender, std::int64_t now_seconds) const;
  // Durable when it answers. Blocks. Forgets those whose period is over.
  Result<> note(std::string_view sender, std::int64_t now_seconds) const;
  const std::string& path() const { return path_; }

 private:
  std::string folder_, path_;
  std::int64_t period_seconds_;
};

}  // namespace waxwing::channels
