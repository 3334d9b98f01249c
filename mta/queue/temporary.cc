// Files that are being written: made in turn in many directories, so that to make one stays cheap
// (common/base/spread.h).
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "common/base/failpoint.h"
#include "common/base/spread.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

namespace {
constexpr unsigned kFolders = 64;

void remove_old(const std::string& folder, std::int64_t older_than_seconds) {
  const auto entries = list_directory(folder);
  if (!entries) return;
  for (const auto& entry : *entries) {
    const auto path = folder + "/" + entry;
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (wall_seconds() - status.st_mtime < older_than_seconds) continue;
    if (::unlink(path.c_str()) == 0) log::Event("queue.temporary_removed").with("file", path).information();
  }
}
}  // namespace

Result<Temporary> Queue::create_temporary(const std::string& name) const {
  static std::atomic<unsigned> turn{static_cast<unsigned>(::getpid())};
  const auto top = directory_ + "/.tmp";
  const auto folder = fmt::format("{}/{:02}", top, turn++ % kFolders);
  Temporary temporary{{}, folder + "/" + name};
  TRY_VOID(failpoint("queue.create"));
  const auto create = [&] { return open_file(temporary.path, O_RDWR | O_CREAT | O_EXCL); };
  auto fd = create();
  if (!fd && !file_exists(folder)) {
    TRY_VOID(make_directories(top));
    spread_subdirectories(top);
    TRY_VOID(make_directories(folder));
    fd = create();
  }
  if (!fd) return std::unexpected(fd.error());
  temporary.fd = std::move(*fd);
  return temporary;
}

void Queue::clean_temporary(std::int64_t older_than_seconds) const {
  const auto top = directory_ + "/.tmp";
  remove_old(top, older_than_seconds);
  for (unsigned i = 0; i < kFolders; ++i) remove_old(fmt::format("{}/{:02}", top, i), older_than_seconds);
}

}  // namespace waxwing::mta::queue
