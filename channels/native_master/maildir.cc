#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "channels/native_master/mailbox.h"
#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing::channels {

namespace {

Result<> make_folder(const std::string& path, const Owner& owner) {
  if (::mkdir(path.c_str(), 0700) == 0) {
    if (::geteuid() == 0 && ::lchown(path.c_str(), owner.uid, owner.gid) != 0)
      return std::unexpected(system_error("cannot give " + path + " to " + owner.name, errno));
    return {};
  }
  if (errno != EEXIST) return std::unexpected(system_error("cannot make " + path, errno));
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::unexpected(system_error(path, errno));
  if (!S_ISDIR(status.st_mode)) return permanent(path + " is no Maildir: not a folder");
  if (status.st_uid != owner.uid && status.st_uid != ::geteuid())
    return permanent(path + " belongs to somebody else than " + owner.name);
  return {};
}

Result<> write_message(int fd, const NativeMessage& message) {
  TRY_VOID(write_all(fd, message.head));
  for (;;) {
    TRY(const auto piece, message.next());
    if (piece.empty()) return {};
    TRY_VOID(write_all(fd, piece));
  }
}

Result<> write_durably(const std::string& path, const Owner& owner, const NativeMessage& message) {
  ::unlink(path.c_str());  // of an attempt that died
  TRY(const auto fd, open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (::geteuid() == 0 && ::fchown(fd.get(), owner.uid, owner.gid) != 0)
    return std::unexpected(system_error("cannot give " + path + " to " + owner.name, errno));
  TRY_VOID(write_message(fd.get(), message));
  durable::Batch batch;
  batch.file(fd.get());
  return durable::commit(std::move(batch));
}

}  // namespace

Result<> put_into_maildir(const std::string& path, const Owner& owner, const NativeMessage& message) {
  for (const char* folder : {"", "/tmp", "/new", "/cur"}) TRY_VOID(make_folder(path + folder, owner));
  const auto name = std::to_string(message.arrival_seconds) + "." + message.id;
  const auto draft = path + "/tmp/" + name, final_name = path + "/new/" + name;
  if (file_exists(final_name)) return {};
  const auto written = write_durably(draft, owner, message);
  if (!written) {
    ::unlink(draft.c_str());
    return written;
  }
  // By hand, not by the batch: this thread may be allowed less than the process.
  if (::rename(draft.c_str(), final_name.c_str()) != 0)
    return std::unexpected(system_error("cannot move a message to " + final_name, errno));
  durable::Batch batch;
  batch.directory(path + "/new");
  return durable::commit(std::move(batch));
}

Result<std::string> mailbox_path(const std::string& pattern, const Owner& owner) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      path += pattern[i];
      continue;
    }
    const char letter = i + 1 < pattern.size() ? pattern[++i] : '\0';
    if (letter == 'u')
      path += owner.name;
    else if (letter == 'h')
      path += owner.home;
    else if (letter == '%')
      path += '%';
    else
      return permanent("MAIL_DELIVERY_FILENAME knows %u, %h and %% only: " + printable(pattern));
  }
  if (!path.starts_with('/'))
    return permanent("MAIL_DELIVERY_FILENAME is no absolute path: " + printable(path));
  return path;
}

}  // namespace waxwing::channels
