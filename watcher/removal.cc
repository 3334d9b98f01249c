#include "watcher/removal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/log/log.h"

namespace waxwing {

namespace {
bool is_removed(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && info.st_nlink == 0;
}
}  // namespace

Removal::Removal(EventLoop& loop, std::string root, int lock, std::function<void()> then)
    : root_(std::move(root)), lock_(lock), then_(std::move(then)) {
  if (auto folder = open_file(root_, O_PATH | O_DIRECTORY)) folder_ = std::move(*folder);
  timer_ = loop.every(1000, [this] { look(); });
}

void Removal::look() {
  const bool emptied = is_removed(lock_) && !file_exists(root_ + "/config/msg.conf");
  if (seen_ || (!emptied && !is_removed(folder_.get()))) return;
  seen_ = true;
  log::Event("watcher.instance.gone").with("instance", root_).critical();
  then_();
}

}  // namespace waxwing
