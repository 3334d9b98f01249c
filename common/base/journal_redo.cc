#include "common/base/journal_redo.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/journal_order.h"
#include "common/base/journal_segment.h"
#include "common/base/path.h"

namespace waxwing::durable {

namespace {
constexpr std::uint64_t kMostOffset = std::uint64_t{1} << 42;  // no file of ours is larger

// The name is not there; or something else than a file of ours is in its way. Anything else is the disk's trouble, and
// what is passed over for that is lost: it ends the replay.
Result<Redo> refuse(const std::string& what, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Redo::skipped;
    case EISDIR:
    case EEXIST:
    case ENOTEMPTY:
    case ELOOP:
    case ENAMETOOLONG:
    case ENXIO:
    case EXDEV:
    case EINVAL:
      return Redo::refused;
    default:
      return std::unexpected(system_error(what, error));
  }
}

// A plain file, opened: or why there is none.
struct Opened {
  Redo outcome = Redo::done;
  UniqueFd file;
  std::uint64_t size = 0;
};
Result<Opened> open_plain(const std::string& path, int flags) {
  Opened opened;
  opened.file = UniqueFd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!opened.file) {
    TRY(opened.outcome, refuse("cannot open " + path, errno));
    return opened;
  }
  struct stat status {};
  if (::fstat(opened.file.get(), &status) != 0)
    return std::unexpected(system_error("cannot stat " + path, errno));
  if (!S_ISREG(status.st_mode)) return Opened{Redo::refused, {}, 0};
  opened.size = static_cast<std::uint64_t>(status.st_size);
  return opened;
}

Result<bool> stands_at(const Opened& there, std::uint64_t offset, std::string_view bytes) {
  if (offset + bytes.size() > there.size) return false;
  std::array<char, 65536> piece;
  while (!bytes.empty()) {
    const auto count = std::min(bytes.size(), piece.size());
    TRY_VOID(read_at(there.file.get(), offset, piece.data(), count));
    if (std::string_view(piece.data(), count) != bytes.substr(0, count)) return false;
    bytes.remove_prefix(count);
    offset += count;
  }
  return true;
}

Result<bool> same_bytes(const Opened& a, const Opened& b) {
  if (a.outcome != Redo::done || b.outcome != Redo::done || a.size != b.size) return false;
  std::string piece(65536, '\0');
  for (std::uint64_t at = 0; at < a.size; at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(piece.size(), a.size - at));
    TRY_VOID(read_at(a.file.get(), at, piece.data(), piece.size()));
    // What cannot be read there is made anew like anything else that differs.
    if (!stands_at(b, at, piece).value_or(false)) return false;
  }
  return true;
}

// The name under which a file is made before it gets its own; one left by a replay that died is written over.
std::string beside(const std::string& path) {
  return parent_directory(path) + "/.replay";
}

// All pieces but those that are newer in the file.
Result<Redo> redo_pieces(const Opened& file, const JournalRecord& record) {
  const std::size_t size = record.ageing.piece_bytes;
  if (!record.ageing.is_plausible() || record.bytes.size() % size != 0) return Redo::refused;
  std::string there(size, '\0'), bytes(record.bytes);
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    if (record.offset + at + size > file.size) break;
    TRY_VOID(read_at(file.file.get(), record.offset + at, there.data(), size));
    if (is_newer(record.ageing, there, record.bytes.substr(at, size))) bytes.replace(at, size, there);
  }
  TRY(const bool stands, stands_at(file, record.offset, bytes));
  if (stands) return Redo::needless;
  TRY_VOID(write_at(file.file.get(), record.offset, bytes));
  return Redo::done;
}

Result<> write_whole(const std::string& path, std::string_view bytes) {
  ::unlink(path.c_str());  // what cannot be removed is in the way of the next line
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
  TRY(const bool mounted, is_there(root));
  if (!mounted)
    return temporary("the journal holds files of " + root + ", which is missing: mount it; see journal(5)");
  TRY(const bool above, is_there(parent_directory(parent)));
  if (!above) return Redo::skipped;
  if (::mkdir(parent.c_str(), 0700) != 0) return refuse("cannot create directory " + parent, errno);
  TRY(const auto made, open_file(parent, O_RDONLY | O_DIRECTORY));
  TRY_VOID(give_to_owner_of(parent_directory(parent), made.get()));
  return Redo::done;
}

Result<Redo> redo_content(const std::string& path, std::string_view bytes) {
  TRY(const auto there, open_plain(path, O_RDONLY));
  if (there.outcome == Redo::refused) return Redo::refused;
  // What stands there and cannot be read is written anew like anything else that differs.
  if (there.file && there.size == bytes.size() && stands_at(there, 0, bytes).value_or(false))
    return Redo::needless;
  const auto temporary_path = beside(path);
  TRY_VOID(write_whole(temporary_path, bytes));
  if (::rename(temporary_path.c_str(), path.c_str()) == 0) return Redo::done;
  return refuse("cannot rename " + temporary_path + " to " + path, errno);
}

Result<Redo> redo_renamed(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) {
    // Of two names of one file, as rename_safely() has them for a moment, rename(2) leaves both.
    TRY(const bool both, is_same_file(from, to));
    if (both && ::unlink(from.c_str()) != 0) return refuse("cannot remove " + from, errno);
    return Redo::done;
  }
  if (errno == ENOENT) return Redo::needless;
  return refuse("cannot rename " + from + " to " + to, errno);
}

Result<Redo> redo_linked(const std::string& from, const std::string& to) {
  struct stat status {};
  if (::lstat(from.c_str(), &status) != 0) return refuse("cannot stat " + from, errno);
  if (!S_ISREG(status.st_mode)) return Redo::skipped;
  TRY(const bool linked, is_same_file(from, to));
  if (linked) return Redo::needless;
  TRY(const auto source, open_plain(from, O_RDONLY));
  TRY(const auto there, open_plain(to, O_RDONLY));
  TRY(const bool same, same_bytes(source, there));
  if (same) return Redo::needless;
  const auto temporary_path = beside(to);
  ::unlink(temporary_path.c_str());
  if (::link(from.c_str(), temporary_path.c_str()) != 0) return refuse("cannot link " + from, errno);
  if (::rename(temporary_path.c_str(), to.c_str()) == 0) return Redo::done;
  return refuse("cannot rename " + temporary_path + " to " + to, errno);
}

Result<Redo> redo_removed(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    TRY(const auto why, refuse("cannot stat " + path, errno));
    return why == Redo::skipped ? Redo::needless : why;
  }
  if (S_ISDIR(status.st_mode)) return Redo::refused;
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return Redo::done;
  return refuse("cannot remove " + path, errno);
}

Result<Redo> redo_range(const std::string& path, const JournalRecord& record) {
  TRY(const auto file, open_plain(path, O_RDWR));
  if (!file.file) return file.outcome;
  if (record.offset > kMostOffset || record.guard_offset > kMostOffset) return Redo::refused;
  TRY(const bool guarded, stands_at(file, record.guard_offset, record.guard));
  if (!guarded) return Redo::skipped;
  TRY(const bool stands, stands_at(file, record.offset, record.bytes));
  if (stands) return Redo::needless;
  if (record.type == RecordType::aged) return redo_pieces(file, record);
  TRY_VOID(write_at(file.file.get(), record.offset, record.bytes));
  return Redo::done;
}

}  // namespace waxwing::durable
