#include "mta/address/sequence.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>
#include <map>
#include <mutex>

#include "common/base/file.h"

namespace waxwing::mta {
namespace {

std::uint64_t next_in_memory(const std::string& name, int increment) {
  static std::mutex mutex;
  static std::map<std::string, std::uint64_t> counters;
  const std::lock_guard lock(mutex);
  return counters[name] += static_cast<std::uint64_t>(increment);
}

Result<std::uint64_t> next_in_file(const std::string& root, const std::string& name, int increment) {
  TRY_VOID(make_directories(root + "/run/sequence", 0750));
  const auto path = root + "/run/sequence/" + name;
  TRY(auto fd, open_file(path, O_RDWR | O_CREAT, 0640));
  if (::flock(fd.get(), LOCK_EX) != 0) return std::unexpected(system_error("locking " + path, errno));
  char buffer[32] = {};
  const auto got = ::pread(fd.get(), buffer, sizeof buffer - 1, 0);
  if (got < 0) return std::unexpected(system_error("reading " + path, errno));
  const auto text = trim(std::string_view(buffer, static_cast<std::size_t>(got)));
  const auto before = text.empty() ? std::optional<std::uint64_t>(0) : to_number<std::uint64_t>(text);
  if (!before) return permanent(path + " holds no number; write the last number used into it, or remove it");
  const auto now = *before + static_cast<std::uint64_t>(increment);
  TRY_VOID(write_at(fd.get(), 0, std::to_string(now) + "\n"));
  return now;
}

}  // namespace

Result<std::string> next_in_sequence(const Lookup& lookup, const std::string& name, int increment, int radix,
                                     int length) {
  const auto& root = lookup.config.root();
  std::uint64_t number = 0;
  if (root.empty()) {
    number = next_in_memory(name, increment);
  } else {
    TRY(number, next_in_file(root, name, increment));
  }
  char digits[80];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, radix).ptr;
  std::string text = to_upper({digits, static_cast<std::size_t>(end - digits)});
  if (text.size() < static_cast<std::size_t>(length))
    text.insert(0, static_cast<std::size_t>(length) - text.size(), '0');
  return text;
}

}  // namespace waxwing::mta
