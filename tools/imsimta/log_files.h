// The log files of an instance, and the versions of each: NAME is written now, NAME.1 the one before, and so on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace waxwing::imsimta {

struct LogVersion {
  std::string name;     // in log/
  std::string base;     // the name without the number: "imapd.log" of "imapd.log.3"
  std::size_t age = 0;  // 0: the one that is written
  std::uint64_t bytes = 0;
  std::int64_t changed = 0;  // seconds
};

// Those whose name without the number fits the pattern (* and ?; "" for all), by that name, the oldest first.
// ".log" may be left out, and so may "log/".
Result<std::vector<LogVersion>> log_versions(const std::string& root, std::string_view pattern);
bool fits_pattern(std::string_view name, std::string_view pattern);

}  // namespace waxwing::imsimta
