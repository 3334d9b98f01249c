// A message file in the making, in the partition's tmp/.
#pragma once

#include <memory>
#include <string>

#include "common/spool/message_file.h"
#include "store/mailbox.h"
#include "store/mailbox/cache.h"

namespace waxwing::store {

// Taking a mapping away interrupts every thread of the process: a message up to this size is read instead.
constexpr std::uint64_t kReadNotMapped = 64 << 10;

struct Draft::Inner {
  Inner(std::string file_path, UniqueFd file)
      : path(std::move(file_path)), fd(std::move(file)), writer(fd.get()) {}
  ~Inner();  // removes the name: what was delivered has others
  static Result<std::unique_ptr<Inner>> make(const std::string& partition_path);

  std::string path;
  UniqueFd fd;
  spool::MessageFileWriter writer;
};

Result<ParsedMessage> parse_file(int fd, std::uint64_t message_size);

}  // namespace waxwing::store
