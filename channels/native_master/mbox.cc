#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "channels/master/local_form.h"
#include "channels/native_master/mailbox.h"
#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/base/time.h"

namespace waxwing::channels {

namespace {

constexpr std::int64_t kStaleLockSeconds = 15 * 60;
constexpr std::int64_t kPauseMs = 50;

void pause() {
  const timespec time{0, kPauseMs * 1'000'000};
  ::nanosleep(&time, nullptr);
}

// FILE.lock, which exists while somebody writes. One that nobody has touched for long was left by a dead program.
class DotLock {
 public:
  explicit DotLock(std::string path) : path_(std::move(path)) {}
  ~DotLock() {
    if (held_) ::unlink(path_.c_str());
  }
  Result<> take(std::int64_t until_ms) {
    for (;;) {
      UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
      if (fd) {
        held_ = true;
        (void)write_all(fd.get(), std::to_string(::getpid()) + "\n");
        return {};
      }
      if (errno != EEXIST) return std::unexpected(system_error("cannot lock " + path_, errno));
      struct stat status {};
      if (::lstat(path_.c_str(), &status) == 0 && wall_seconds() - status.st_mtime > kStaleLockSeconds) {
        ::unlink(path_.c_str());
        continue;
      }
      if (monotonic_ms() > until_ms) return temporary("the mailbox is locked: " + path_);
      pause();
    }
  }

 private:
  std::string path_;
  bool held_ = false;
};

Result<> lock_file(int fd, const std::string& path, std::int64_t until_ms) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  while (::fcntl(fd, F_OFD_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES)
      return std::unexpected(system_error("cannot lock " + path, errno));
    if (monotonic_ms() > until_ms) return temporary("the mailbox is locked by another program: " + path);
    pause();
  }
  return {};
}

Result<UniqueFd> open_mbox(const std::string& path, const Owner& owner) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd) {
    if (::geteuid() == 0 && ::fchown(fd.get(), owner.uid, static_cast<gid_t>(-1)) != 0) {
      const int problem = errno;
      ::unlink(path.c_str());
      return std::unexpected(system_error("cannot give " + path + " to " + owner.name, problem));
    }
    return fd;
  }
  if (errno != EEXIST) return std::unexpected(system_error("cannot make " + path, errno));
  fd.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ELOOP) return permanent(path + " is a symbolic link: mail is not written through it");
  if (!fd) return std::unexpected(system_error("cannot open " + path, errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return std::unexpected(system_error(path, errno));
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1)
    return permanent(path + " is no mailbox: not an ordinary file with one name");
  if (status.st_uid != owner.uid && status.st_uid != ::geteuid())
    return permanent(path + " belongs to somebody else than " + owner.name);
  return fd;
}

std::string from_line(const NativeMessage& message) {
  std::string sender = message.sender.empty() ? "MAILER-DAEMON" : printable(message.sender);
  for (auto& c : sender)
    if (c == ' ' || c == '\t') c = '_';
  tm time{};
  const auto seconds = static_cast<time_t>(message.arrival_seconds);
  ::gmtime_r(&seconds, &time);
  char date[64];
  ::strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &time);
  return fmt::format("From {} {}\n", sender, date);
}

Result<> write_message(int fd, const NativeMessage& message) {
  TRY_VOID(write_all(fd, from_line(message) + message.head));
  FromQuoter quoter;
  char last = '\n';
  for (;;) {
    TRY(const auto piece, message.next());
    const auto text = piece.empty() ? quoter.end() : quoter.take(piece);
    if (!text.empty()) last = text.back();
    TRY_VOID(write_all(fd, text));
    if (piece.empty()) break;
  }
  return write_all(fd, last == '\n' ? "\n" : "\n\n");
}

// What another program left without an end of line gets one, or its last line would swallow our first.
Result<> go_to_end(int fd, std::int64_t size) {
  char last = '\n';
  if (size > 0) TRY_VOID(read_at(fd, static_cast<std::uint64_t>(size - 1), &last, 1));
  if (::lseek(fd, 0, SEEK_END) < 0) return std::unexpected(system_error("lseek", errno));
  return last == '\n' ? Result<>() : write_all(fd, "\n");
}

}  // namespace

Result<> append_to_mbox(const std::string& path, const Owner& owner, const NativeMessage& message,
                        std::int64_t lock_timeout_ms) {
  const auto until = monotonic_ms() + lock_timeout_ms;
  DotLock lock(path + ".lock");
  TRY_VOID(lock.take(until));
  TRY(const auto fd, open_mbox(path, owner));
  TRY_VOID(lock_file(fd.get(), path, until));
  struct stat before {};
  if (::fstat(fd.get(), &before) != 0) return std::unexpected(system_error(path, errno));
  auto written = go_to_end(fd.get(), before.st_size);
  if (written) written = write_message(fd.get(), message);
  if (written) {
    durable::Batch batch;
    batch.file(fd.get()).directory(path.substr(0, path.find_last_of('/')));
    written = durable::commit(std::move(batch));
  }
  if (!written && ::ftruncate(fd.get(), before.st_size) != 0)
    return temporary(written.error().text + "; and a part of the message stands in " + path);
  return written;
}

}  // namespace waxwing::channels
