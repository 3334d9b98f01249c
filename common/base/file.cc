#include "common/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "common/base/is_there.h"
#include "common/base/path.h"
#include "common/base/random.h"
#include "common/base/whose.h"

namespace waxwing {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode) {
  for (;;) {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
    if (fd) return fd;
    const int problem = errno;
    if (problem == EINTR) continue;
    auto error = system_error("cannot open " + path, problem);
    if (problem == EACCES) error.text += whose(path);
    return std::unexpected(std::move(error));
  }
}

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  // A FIFO nobody writes to is empty, not waited for; a pipe with a writer is read to its end.
  TRY(auto fd, open_file(path, O_RDONLY | O_NONBLOCK));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return std::unexpected(system_error("cannot stat " + path, errno));
  if (!S_ISREG(info.st_mode)) ::fcntl(fd.get(), F_SETFL, 0);
  const auto too_large = [&] {
    return permanent(path + " is larger than the " + std::to_string(max_bytes) + " bytes allowed here");
  };
  std::string bytes;
  if (info.st_size > 0) {
    if (static_cast<std::uint64_t>(info.st_size) > max_bytes) return too_large();
    bytes.reserve(static_cast<std::size_t>(info.st_size));
  }
  char buffer[65536];
  for (;;) {
    const auto got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(system_error("cannot read " + path, errno));
    if (got == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(got) > max_bytes) return too_large();
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
}

namespace {
// The file behind a descriptor, for messages.
std::string name_of(int fd) {
  char path[4096];
  const auto length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : "a file";
}
}  // namespace

Result<> read_at(int fd, std::uint64_t offset, void* buffer, std::size_t count) {
  auto* to = static_cast<char*>(buffer);
  while (count > 0) {
    const auto got = ::pread(fd, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(system_error("cannot read " + name_of(fd), errno));
    if (got == 0) return permanent(name_of(fd) + " is cut short");
    to += got;
    offset += static_cast<std::uint64_t>(got);
    count -= static_cast<std::size_t>(got);
  }
  return {};
}

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return std::unexpected(system_error("cannot write " + name_of(fd), errno));
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<> write_at(int fd, std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return std::unexpected(system_error("cannot write " + name_of(fd), errno));
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Result<> replace_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string temporary_path = path + "." + unique_id() + ".tmp";
  TRY(auto fd, open_file(temporary_path, O_WRONLY | O_CREAT | O_EXCL, mode));
  auto written = write_all(fd.get(), bytes);
  if (written && ::rename(temporary_path.c_str(), path.c_str()) != 0)
    written = std::unexpected(system_error("cannot rename " + temporary_path + " to " + path, errno));
  if (!written) {
    ::unlink(temporary_path.c_str());
    return wrap(written.error(), path);
  }
  return {};
}

Result<> make_directories(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return std::unexpected(system_error("cannot create directory " + path, errno));
  const auto parent = parent_directory(path);
  if (parent.size() == 1) return std::unexpected(system_error("cannot create " + path, errno));
  TRY_VOID(make_directories(parent, mode));
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  return std::unexpected(system_error("cannot create directory " + path, errno));
}

bool file_exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

namespace {
bool says_missing(int errnum) {
  return errnum == ENOENT || errnum == ENOTDIR || errnum == ENAMETOOLONG || errnum == ELOOP;
}

// 0, or what errno was.
int list(const std::string& path, std::vector<std::string>& names) {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, Close> dir(::opendir(path.c_str()));
  if (!dir) return errno;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(dir.get());
    if (entry == nullptr) return errno;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
}
}  // namespace

Result<bool> is_there(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) return true;
  if (says_missing(errno)) return false;
  return std::unexpected(system_error("cannot look for " + path, errno));
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  std::vector<std::string> names;
  if (const int error = list(path, names); error != 0)
    return std::unexpected(system_error("cannot list " + path, error));
  return names;
}

Result<std::vector<std::string>> list_if_there(const std::string& path) {
  std::vector<std::string> names;
  const int error = list(path, names);
  if (error != 0 && !says_missing(error)) return std::unexpected(system_error("cannot list " + path, error));
  return names;
}

Result<> remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return std::unexpected(system_error("cannot remove " + path, error.value()));
  return {};
}

}  // namespace waxwing
