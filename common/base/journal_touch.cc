#include "common/base/journal_touch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>

#include "common/base/file.h"
#include "common/base/is_there.h"

namespace waxwing::durable {

namespace {
constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, younger than the C library's headers

// The whole file: which of its pages failed nobody knows.
Result<> touch(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};  // removed since
    return std::unexpected(system_error("cannot stat " + path, errno));
  }
  if (!S_ISREG(status.st_mode)) return {};
  const auto file = open_file(path, O_RDWR | O_NOFOLLOW);
  if (!file) {
    TRY(const bool there, is_there(path));
    return there ? Result<>(std::unexpected(file.error())) : Result<>();
  }
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
}  // namespace

Result<> touch_again(JournalReader& reader, const std::string& root) {
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
  for (const auto& path : paths) TRY_VOID(touch(path));
  return {};
}

}  // namespace waxwing::durable
