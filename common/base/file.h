// Files and descriptors. Nothing here is durable: what must survive a power cut goes through
// common/base/durable.h.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace waxwing {

// Owns one descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { reset(); }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC; the error names the path.
Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode = 0600);
// The whole file; permanent error when larger than max_bytes.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes = 64 << 20);
// Exactly count bytes at offset, or an error ("cut short" is permanent).
Result<> read_at(int fd, std::uint64_t offset, void* buffer, std::size_t count);
// All bytes, through short writes and EINTR.
Result<> write_all(int fd, std::string_view bytes);
Result<> write_at(int fd, std::uint64_t offset, std::string_view bytes);
// Replaces path in one step (temporary file beside it, then rename): readers see old or new, never half.
Result<> replace_file(const std::string& path, std::string_view bytes, mode_t mode = 0600);
// mkdir -p.
Result<> make_directories(const std::string& path, mode_t mode = 0700);
bool file_exists(const std::string& path);
// Names in a directory without . and .., unsorted.
Result<std::vector<std::string>> list_directory(const std::string& path);
// Removes a tree; missing is success.
Result<> remove_tree(const std::string& path);

}  // namespace waxwing
