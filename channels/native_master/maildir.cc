#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "channels/native_master/as_owner.h"
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

Result<UniqueFd> write_draft(const std::string& path, const Owner& owner, const NativeMessage& message) {
  ::unlink(path.c_str());  // of an attempt that died
  TRY(auto fd, open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (::geteuid() == 0 && ::fchown(fd.get(), owner.uid, owner.gid) != 0)
    return std::unexpected(system_error("cannot give " + path + " to " + owner.name, errno));
  TRY_VOID(write_message(fd.get(), message));
  return fd;
}

Result<> sync(const UniqueFd& fd) {
  durable::Batch batch;
  batch.file(fd.get());
  return durable::commit(std::move(batch));
}

// Where a message lies before and after. Each step with the owner's rights; in between, none.
struct Place {
  const std::string& folder;
  const Owner& owner;
  const std::string draft, final_name;

  Result<> make_folders() const {
    const AsOwner as_owner(owner);
    for (const char* part : {"", "/tmp", "/new", "/cur"}) TRY_VOID(make_folder(folder + part, owner));
    return {};
  }
  // Of an attempt that died behind the move. Empty: it is not there.
  Result<UniqueFd> open_shown() const {
    const AsOwner as_owner(owner);
    UniqueFd fd(::open(final_name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd && errno != ENOENT) return std::unexpected(system_error("cannot open " + final_name, errno));
    return fd;
  }
  Result<UniqueFd> write(const NativeMessage& message) const {
    const AsOwner as_owner(owner);
    auto fd = write_draft(draft, owner, message);
    if (!fd) ::unlink(draft.c_str());
    return fd;
  }
  Result<> show() const {
    const AsOwner as_owner(owner);
    if (::rename(draft.c_str(), final_name.c_str()) != 0)
      return std::unexpected(system_error("cannot move a message to " + final_name, errno));
    return {};
  }
  Result<UniqueFd> open_new() const {
    const AsOwner as_owner(owner);
    return open_file(folder + "/new", O_RDONLY | O_DIRECTORY);
  }
  void drop(const std::string& name) const {
    const AsOwner as_owner(owner);
    ::unlink(name.c_str());
  }
};

}  // namespace

Result<> put_into_maildir(const std::string& path, const Owner& owner, const NativeMessage& message) {
  const auto name = std::to_string(message.arrival_seconds) + "." + message.id;
  const Place place{path, owner, path + "/tmp/" + name, path + "/new/" + name};
  TRY_VOID(place.make_folders());
  TRY(const auto names, place.open_new());
  TRY(auto file, place.open_shown());
  const bool moved = static_cast<bool>(file);
  if (!moved) {
    TRY(file, place.write(message));
  }
  if (const auto synced = sync(file); !synced) {
    place.drop(moved ? place.final_name : place.draft);
    return synced;
  }
  if (!moved) TRY_VOID(place.show());
  // Not left there for a later attempt: the kernel takes what it could not write for written.
  if (const auto synced = sync(names); !synced) {
    place.drop(place.final_name);
    return synced;
  }
  return {};
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
