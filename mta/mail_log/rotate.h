// The daily change: mail.log_current becomes mail.log_yesterday, what that held goes to the end of mail.log.
// connection.log likewise. Blocking: may copy a day's log; on a worker, or in a tool.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace waxwing::mta::mail_log {

enum class When {
  day_over,  // only a log whose first record is of another day
  now,
};
// nights: from one change to the next (RETURN_SPLIT_PERIOD). folder: ROOT/log. Answers how many logs were changed. Safe while others write and rotate. mail.log is set
// aside as mail.log_old, over an older one, before it grows beyond most_bytes (0: never).
Result<int> rotate(const std::string& folder, When when, std::int64_t now_ms, std::uint64_t most_bytes,
                   std::int64_t nights = 1);

}  // namespace waxwing::mta::mail_log
