#include "common/base/journal_redo.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "common/base/file.h"
#include "common/base/journal_order.h"
#include "common/base/journal_segment.h"
#include "common/base/path.h"

namespace waxwing::durable {

namespace {
constexpr std::uint64_t kMostOffset = std::uint64_t{1} << 42;  // no file of ours is larger

// The disk's own trouble ends a replay; anything else is trouble with this one name.
Result<Redo> refuse(const std::string& what, int error) {
  switch (error) {
    case EIO:
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case ENFILE:
    case EMFILE:
    case EROFS:
    case EACCES:
    case EPERM:
      return std::unexpected(system_error(what, error));
    default:
      return Redo::refused;
  }
}

Result<UniqueFd> open_plain(const std::string& path, int flags, int& error) {
  UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  error = file ? 0 : errno;
  struct stat status {};
  if (file && (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))) {
    error = EISDIR;
    file.reset();
  }
  return file;
}

std::uint64_t size_of(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

// What cannot be read is not equal, so that it is written anew.
bool stands_at(int fd, std::uint64_t offset, std::string_view bytes) {
  std::array<char, 65536> piece;
  while (!bytes.empty()) {
    const auto count = std::min(bytes.size(), piece.size());
    if (!read_at(fd, offset, piece.data(), count)) return false;
    if (std::string_view(piece.data(), count) != bytes.substr(0, count)) return false;
    bytes.remove_prefix(count);
    offset += count;
  }
  return true;
}

bool same_bytes(const std::string& a, const std::string& b) {
  struct stat one {
  }, other{};
  if (is_same_file(a, b)) return true;
  if (::lstat(a.c_str(), &one) != 0 || ::lstat(b.c_str(), &other) != 0) return false;
  if (one.st_size != other.st_size) return false;
  int error = 0;
  const auto first = open_plain(a, O_RDONLY, error), second = open_plain(b, O_RDONLY, error);
  if (!*first || !*second) return false;
  std::string piece(65536, '\0');
  for (std::uint64_t at = 0; at < static_cast<std::uint64_t>(one.st_size); at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(piece.size(), static_cast<std::uint64_t>(one.st_size) - at));
    if (!read_at(first->get(), at, piece.data(), piece.size()) || !stands_at(second->get(), at, piece))
      return false;
  }
  return true;
}

// The name under which a file is made before it gets its own; one left by a replay that died is written over.
std::string beside(const std::string& path) {
  return parent_directory(path) + "/.replay";
}

// All pieces but those that are newer in the file.
Result<Redo> redo_pieces(int fd, const JournalRecord& record) {
  const std::size_t size = record.ageing.piece_bytes;
  if (!record.ageing.is_plausible() || record.bytes.size() % size != 0) return Redo::refused;
  std::string there(size, '\0'), bytes(record.bytes);
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    const bool is_there = read_at(fd, record.offset + at, there.data(), size).has_value();
    if (is_there && is_newer(record.ageing, there, record.bytes.substr(at, size)))
      bytes.replace(at, size, there);
  }
  if (stands_at(fd, record.offset, bytes)) return Redo::needless;
  TRY_VOID(write_at(fd, record.offset, bytes));
  return Redo::done;
}

Result<> write_whole(const std::string& path, std::string_view bytes) {
  ::unlink(path.c_str());
  TRY(const auto file, open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
  TRY_VOID(give_to_owner_of(parent_directory(path), file.get()));
  return write_all(file.get(), bytes);
}
}  // namespace

Result<Redo> redo_parent(const std::string& path, const std::string& root) {
  const auto parent = parent_directory(path);
  struct stat status {};
  if (::stat(parent.c_str(), &status) == 0) return S_ISDIR(status.st_mode) ? Redo::needless : Redo::refused;
  if (errno != ENOENT) return refuse("cannot stat " + parent, errno);
  if (::access(root.c_str(), F_OK) != 0)
    return temporary("the journal holds files of " + root + ", which is missing: mount it; see journal(5)");
  if (::access(parent_directory(parent).c_str(), F_OK) != 0) return Redo::skipped;
  if (::mkdir(parent.c_str(), 0700) != 0) return refuse("cannot create directory " + parent, errno);
  TRY(const auto made, open_file(parent, O_RDONLY | O_DIRECTORY));
  TRY_VOID(give_to_owner_of(parent_directory(parent), made.get()));
  return Redo::done;
}

Result<Redo> redo_content(const std::string& path, std::string_view bytes) {
  int error = 0;
  TRY(const auto there, open_plain(path, O_RDONLY, error));
  if (there && size_of(there.get()) == bytes.size() && stands_at(there.get(), 0, bytes))
    return Redo::needless;
  if (error == EISDIR || error == ELOOP) return Redo::refused;
  if (error == ENAMETOOLONG) return Redo::refused;
  const auto temporary_path = beside(path);
  TRY_VOID(write_whole(temporary_path, bytes));
  if (::rename(temporary_path.c_str(), path.c_str()) == 0) return Redo::done;
  return refuse("cannot rename " + temporary_path + " to " + path, errno);
}

Result<Redo> redo_renamed(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) {
    // Of two names of one file, as rename_safely() has them for a moment, rename(2) leaves both.
    if (is_same_file(from, to)) ::unlink(from.c_str());
    return Redo::done;
  }
  if (errno == ENOENT) return Redo::needless;
  return refuse("cannot rename " + from + " to " + to, errno);
}

Result<Redo> redo_linked(const std::string& from, const std::string& to) {
  struct stat status {};
  if (::lstat(from.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return Redo::skipped;
  if (same_bytes(from, to)) return Redo::needless;
  const auto temporary_path = beside(to);
  ::unlink(temporary_path.c_str());
  if (::link(from.c_str(), temporary_path.c_str()) != 0) return refuse("cannot link " + from, errno);
  if (::rename(temporary_path.c_str(), to.c_str()) == 0) return Redo::done;
  return refuse("cannot rename " + temporary_path + " to " + to, errno);
}

Result<Redo> redo_removed(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return Redo::needless;
  if (S_ISDIR(status.st_mode)) return Redo::refused;
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return Redo::done;
  return refuse("cannot remove " + path, errno);
}

Result<Redo> redo_range(const std::string& path, const JournalRecord& record) {
  int error = 0;
  TRY(const auto file, open_plain(path, O_RDWR, error));
  if (error == ENOENT || error == ENOTDIR) return Redo::skipped;
  if (error != 0) return refuse("cannot open " + path, error);
  if (record.offset > kMostOffset || record.guard_offset > kMostOffset) return Redo::refused;
  if (!stands_at(file.get(), record.guard_offset, record.guard)) return Redo::skipped;
  if (stands_at(file.get(), record.offset, record.bytes)) return Redo::needless;
  if (record.type == RecordType::aged) return redo_pieces(file.get(), record);
  TRY_VOID(write_at(file.get(), record.offset, record.bytes));
  return Redo::done;
}

}  // namespace waxwing::durable
