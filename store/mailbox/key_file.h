// store.key in a mailbox's directory: its access key (store/access_keys.h). 56 bytes, mode 0600:
//
//    0  "WxKey\n\0\0", u32 version 1, u32 bytes of the key (32)
//   16  the key           48  u64 XXH3 of [0, 48)
//
// It is only ever replaced whole. Numbers are little-endian. See store-format(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing::store {

std::string key_path(const std::string& mailbox_directory);

// Pure. Code::corrupt for what is no such file, or one of a later version.
std::string encode_key(std::string_view key);
Result<std::string> decode_key(std::string_view file);

// Empty: there is no file.
Result<std::string> read_key(const std::string& mailbox_directory);
// Durable when it answers; readers see the old key or the new one. After an error there may be none.
Result<> write_key(const std::string& mailbox_directory, std::string_view key);
// All are gone, durably, when this answers: those too that an attempt before, which failed, had removed. A key that is
// written meanwhile may go with them. A directory that is gone is success.
Result<> remove_keys(const std::vector<std::string>& mailbox_directories);

}  // namespace waxwing::store
