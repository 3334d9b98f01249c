#include "store/detail/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing::store {

Result<std::shared_ptr<Mapping>> Mapping::make(int fd, std::size_t length, bool writable) {
  void* const data = ::mmap(nullptr, length, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return std::unexpected(system_error("cannot map file", errno));
  return std::make_shared<Mapping>(static_cast<char*>(data), length);
}

Mapping::~Mapping() {
  guard_.reset();  // before the addresses can be somebody else's
  ::munmap(data_, length_);
}

namespace {
BootId from_text(std::string text) {
  std::erase_if(text, [](char c) { return !is_alnum(c); });
  BootId id{};
  if (const auto bytes = from_hex(text.substr(0, 32)))
    std::copy_n(bytes->begin(), std::min<std::size_t>(bytes->size(), id.size()), id.begin());
  return id;
}
}  // namespace

BootId boot_id() {
  if (const char* test = std::getenv("WAXWING_TEST_BOOT_ID")) return from_text(test);
  static const BootId id = from_text(durable::run_id());
  return id;
}

namespace {
struct flock one_byte(short type, std::uint64_t at) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(at);
  lock.l_len = 1;
  return lock;
}
}  // namespace

Result<> lock_byte(int fd, std::uint64_t at) {
  auto lock = one_byte(F_WRLCK, at);
  while (::fcntl(fd, F_OFD_SETLKW, &lock) != 0)
    if (errno != EINTR) return std::unexpected(system_error("cannot lock file", errno));
  return {};
}

bool try_lock_byte(int fd, std::uint64_t at) {
  auto lock = one_byte(F_WRLCK, at);
  return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

void unlock_byte(int fd, std::uint64_t at) {
  auto lock = one_byte(F_UNLCK, at);
  ::fcntl(fd, F_OFD_SETLK, &lock);
}

bool locked_by_others(int fd, std::uint64_t at) {
  auto lock = one_byte(F_WRLCK, at);
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace waxwing::store
