#include "common/daemon/only_one.h"

#include <fcntl.h>
#include <sys/file.h>

namespace waxwing {

Result<UniqueFd> only_one(const std::string& root, const std::string& name) {
  TRY_VOID(make_directories(root + "/run"));
  const std::string path = root + "/run/" + name + ".lock";
  TRY(UniqueFd fd, open_file(path, O_RDWR | O_CREAT));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  return temporary("another " + name + " runs for this instance (" + path +
                   " is locked); services are started and stopped with start-msg and stop-msg");
}

}  // namespace waxwing
