// Where things lie in a partition:
//
//   =user/hh/hh/=<uid>/               hh: XXH3 of the uid, first and second byte in hex
//       store.usr                     the account: modseq counter, quota usage (mailbox/account.h)
//       <mailbox id>/                 one mailbox; its name is in store.name
//           store.idx store.c<n> store.exp store.name store.key
//           <uid/4096>/<uid>.msg      message files (common/spool/message_file.h)
//   tmp/<nn>/                         drafts and single copies on their way, in folders taken in turn
//
// A mailbox's directory is named by its id, so a rename touches the mailbox list only, and who has the
// mailbox open does not notice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace waxwing::store {

inline constexpr std::uint32_t kMessagesPerDirectory = 4096;

// "=user/3f/a0/=alice". Bytes that a file name should not have are %XX.
std::string user_directory(std::string_view user);
std::string message_directory(const std::string& mailbox_directory, std::uint32_t uid);
std::string message_path(const std::string& mailbox_directory, std::uint32_t uid);
std::string index_path(const std::string& mailbox_directory);
std::string cache_path(const std::string& mailbox_directory, std::uint64_t generation);

}  // namespace waxwing::store
