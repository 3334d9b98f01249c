#include "common/base/journal_touch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/time.h"

namespace waxwing::durable {

namespace {
constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, younger than the C library's headers

constexpr std::int64_t kClockMs = 1000;  // the time of a file's birth lags behind

// Where nobody can tell, no.
bool is_younger(const struct statx& status, std::int64_t failed_ms) {
  const std::int64_t born = status.stx_btime.tv_sec * 1000 + status.stx_btime.tv_nsec / 1'000'000;
  return (status.stx_mask & STATX_BTIME) != 0 && born > failed_ms + kClockMs && born <= wall_ms();
}
}  // namespace

// The whole file: which of its pages failed nobody knows.
Result<> touch_again(const std::string& path, std::int64_t failed_ms) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_BTIME, &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};  // removed since
    return std::unexpected(system_error("cannot stat " + path, errno));
  }
  if (!S_ISREG(found.stx_mode) || is_younger(found, failed_ms)) return {};
  const auto file = open_file(path, O_RDWR | O_NOFOLLOW);
  if (!file) {
    TRY(const bool there, is_there(path));
    return there ? Result<>(std::unexpected(file.error())) : Result<>();
  }
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) return std::unexpected(system_error("cannot stat " + path, errno));
  if (status.st_size == 0) return {};
  const auto bytes = static_cast<std::size_t>(status.st_size);
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file->get(), 0);
  if (at == MAP_FAILED) return std::unexpected(system_error("cannot map " + path, errno));
  const int failed = ::madvise(at, bytes, kPopulateWrite) == 0 ? 0 : errno;
  ::munmap(at, bytes);
  // Cut short meanwhile, by its owner: it is dirty then.
  if (failed != 0 && ::fstat(file->get(), &status) == 0 && static_cast<std::size_t>(status.st_size) < bytes)
    return {};
  if (failed != 0) return std::unexpected(system_error("cannot have " + path + " written again", failed));
  return {};
}

Result<> touch_again(JournalReader& reader, const std::string& root, std::int64_t failed_ms) {
  std::set<std::string, std::less<>> paths;
  const auto add = [&](std::string_view path) {
    if (is_plain_path(path))
      paths.insert(path.starts_with('/') ? std::string(path) : root + "/" + std::string(path));
  };
  for (;;) {
    TRY(const auto record, reader.next());
    if (!record) break;
    add(record->path);
    if (!record->to.empty()) add(record->to);
  }
  for (const auto& path : paths) TRY_VOID(touch_again(path, failed_ms));
  return {};
}

}  // namespace waxwing::durable
