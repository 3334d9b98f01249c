#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "channels/master/local_form.h"
#include "channels/native_master/as_owner.h"
#include "channels/native_master/dot_lock.h"
#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/base/time.h"

namespace waxwing::channels {

namespace {

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

// A mailbox that is open, locked and written to, but not on disk yet.
struct Appended {
  UniqueFd file, folder;
  off_t size_before = 0;
  Result<> written;
};

Result<Appended> append_as_owner(DotLock& lock, const std::string& path, const Owner& owner,
                                 const NativeMessage& message, std::int64_t until_ms) {
  TRY_VOID(lock.take(until_ms));
  const AsOwner as_owner(owner);
  Appended done;
  TRY(done.folder, open_file(path.substr(0, path.find_last_of('/') + 1), O_RDONLY | O_DIRECTORY));
  TRY(done.file, open_mbox(path, owner));
  TRY_VOID(lock_mailbox(done.file.get(), path, until_ms));
  struct stat before {};
  if (::fstat(done.file.get(), &before) != 0) return std::unexpected(system_error(path, errno));
  done.size_before = before.st_size;
  TRY_VOID(lock.note_size(done.file.get()));
  done.written = go_to_end(done.file.get(), before.st_size);
  if (done.written) done.written = write_message(done.file.get(), message);
  return done;
}

}  // namespace

Result<> append_to_mbox(const std::string& path, const Owner& owner, const NativeMessage& message,
                        std::int64_t lock_timeout_ms) {
  DotLock lock(path, owner);
  TRY(auto done, append_as_owner(lock, path, owner, message, monotonic_ms() + lock_timeout_ms));
  if (done.written) {
    durable::Batch batch;
    batch.file(done.file.get()).file(done.folder.get());
    done.written = durable::commit(std::move(batch));
  }
  if (done.written) done.written = lock.strike_size();
  if (!done.written && ::ftruncate(done.file.get(), done.size_before) != 0)
    return temporary(done.written.error().text + "; and a part of the message stands in " + path);
  return done.written;
}

}  // namespace waxwing::channels
