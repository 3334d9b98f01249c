// The message files of a mailbox, as its directories name them: what there is when nothing else can be trusted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace waxwing::store {

struct MessageFiles {
  std::vector<std::uint32_t> uids;  // ascending
  std::uint32_t highest = 0;        // also of those that were set aside: their UIDs are spent as well
};
Result<MessageFiles> find_message_files(const std::string& mailbox_directory);

// Whether the file under that UID is this very message. What cannot be read is not, nor is anything when the email id
// is not known (0).
bool holds_message(const std::string& mailbox_directory, std::uint32_t uid, std::uint64_t email_id);

}  // namespace waxwing::store
