#include "common/base/spread.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "common/base/time.h"

namespace waxwing {

void spread_subdirectories(const std::string& directory) {
  const auto fd = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (!fd) return;
  int flags = 0;
  if (::ioctl(fd->get(), FS_IOC_GETFLAGS, &flags) != 0 || (flags & FS_TOPDIR_FL) != 0) return;
  flags |= FS_TOPDIR_FL;
  (void)::ioctl(fd->get(), FS_IOC_SETFLAGS, &flags);
}

namespace {
std::string folder_of(const std::string& top, unsigned number) {
  return fmt::format("{}/{:02}", top, number);
}

void remove_old(const std::string& folder, std::int64_t older_than_seconds,
                const std::function<void(const std::string&)>& removed) {
  const auto entries = list_directory(folder);
  if (!entries) return;
  for (const auto& entry : *entries) {
    const auto path = folder + "/" + entry;
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (wall_seconds() - status.st_mtime < older_than_seconds) continue;
    if (::unlink(path.c_str()) == 0) removed(path);
  }
}
}  // namespace

Result<SpreadFile> create_spread_file(const std::string& top, const std::string& name) {
  static std::atomic<unsigned> turn{static_cast<unsigned>(::getpid())};
  const auto folder = folder_of(top, turn++ % kSpreadFolders);
  SpreadFile file{{}, folder + "/" + name};
  const auto create = [&] { return open_file(file.path, O_RDWR | O_CREAT | O_EXCL); };
  auto fd = create();
  if (!fd && !file_exists(folder)) {
    TRY_VOID(make_directories(top));
    spread_subdirectories(top);
    TRY_VOID(make_directories(folder));
    fd = create();
  }
  if (!fd) return std::unexpected(fd.error());
  file.fd = std::move(*fd);
  return file;
}

void remove_old_spread_files(const std::string& top, std::int64_t older_than_seconds,
                             const std::function<void(const std::string&)>& removed) {
  remove_old(top, older_than_seconds, removed);
  for (unsigned n = 0; n < kSpreadFolders; ++n) remove_old(folder_of(top, n), older_than_seconds, removed);
}

}  // namespace waxwing
