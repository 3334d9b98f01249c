#include "watcher/detach.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/space.h"
#include "common/log/log.h"

namespace waxwing {

Result<> Detach::begin() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(system_error("cannot make a pipe", errno));
  UniqueFd listening(ends[0]);
  word_.reset(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(system_error("cannot fork", errno));
  if (child > 0) {
    word_.reset();
    char byte = 0;
    const bool well = ::read(listening.get(), &byte, 1) == 1;
    if (!well) ::waitpid(child, nullptr, 0);  // its last words are on the terminal before we end
    ::_exit(well ? 0 : 1);
  }
  ::setsid();
  return {};
}

void Detach::finish() {
  if (!word_) return;
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd <= 2; ++fd) ::dup2(null.get(), fd);
  (void)write_all(word_.get(), "+");
  word_.reset();
}

Result<UniqueFd> lock_pid_file(const std::string& path) {
  TRY(UniqueFd fd, open_file(path, O_RDWR | O_CREAT, 0644));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return permanent("another watcher runs already (" + path + " is locked); see start-msg --status");
  const auto line = std::to_string(::getpid()) + "\n";
  auto noted = write_at(fd.get(), 0, line);
  if (noted && ::ftruncate(fd.get(), static_cast<off_t>(line.size())) != 0)
    noted = std::unexpected(system_error("cannot write " + path, errno));
  // The lock is what counts: who cannot have the number for want of room watches all the same.
  if (!noted && !is_no_space(noted.error())) return std::unexpected(noted.error());
  if (!noted)
    log::Event("watcher.pid.file").with("service", "watcher").with("why", noted.error().text).error();
  return fd;
}

}  // namespace waxwing
