#include "store/detail/paths.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/strings.h"

namespace waxwing::store {

std::string user_directory(std::string_view user) {
  std::string name;
  for (const char c : user) {
    if (is_alnum(c) || c == '.' || c == '_' || c == '-' || c == '@' || c == '+')
      name += c;
    else
      name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  const auto hash = XXH3_64bits(user.data(), user.size());
  return fmt::format("=user/{:02x}/{:02x}/={}", hash & 0xff, hash >> 8 & 0xff, name);
}

std::string message_directory(const std::string& mailbox_directory, std::uint32_t uid) {
  return fmt::format("{}/{:02}", mailbox_directory, uid / kMessagesPerDirectory);
}

std::string message_path(const std::string& mailbox_directory, std::uint32_t uid) {
  const auto number = std::to_string(uid);
  const auto part = uid / kMessagesPerDirectory;
  std::string path;
  path.reserve(mailbox_directory.size() + 2 * number.size() + 9);
  path.append(mailbox_directory).append(part < 10 ? "/0" : "/").append(std::to_string(part));
  return path.append("/").append(number).append(".msg");
}

std::string index_path(const std::string& mailbox_directory) {
  return mailbox_directory + "/store.idx";
}

std::string cache_path(const std::string& mailbox_directory, std::uint64_t generation) {
  return fmt::format("{}/store.c{}", mailbox_directory, generation);
}

}  // namespace waxwing::store
