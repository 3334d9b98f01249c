// An LD_PRELOAD library: records what a family of processes does to a directory tree, and makes calls fail.
//
// For t/crash only. These are the calls that it stands in front of; recording.h is what they write down. They
// go to the kernel directly, so nothing here depends on who else is preloaded.
#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "t/crash/recorder/recording.h"

namespace recorder {
namespace {
int open_tracked(int directory, const char* path, int flags, mode_t mode) {
  const auto full = full_path(directory, path);
  if (!below(full)) return static_cast<int>(syscall(SYS_openat, directory, path, flags, mode));
  if ((flags & (O_CREAT | O_TRUNC)) == 0) {
    if (looking_fails(kCallLook, full)) return -1;
    const int fd = static_cast<int>(syscall(SYS_openat, directory, path, flags, mode));
    set_kind(fd, kTracked);
    return fd;
  }
  const Lock lock;
  const bool fresh = inode_of(full) == 0;
  if (must_fail(fresh ? kCallOpen : kCallLook, full)) return -1;
  const int fd = static_cast<int>(syscall(SYS_openat, directory, path, flags, mode));
  if (fd < 0) return fd;
  const Errno keep;
  set_kind(fd, kTracked);
  if (fresh)
    put(kCreate, inode_of(fd), 0, full);
  else if (flags & O_TRUNC)
    put(kTruncate, inode_of(fd), 0);
  return fd;
}

int any_open(int directory, const char* path, int flags, mode_t mode) {
  flags |= O_LARGEFILE;
  if (control == nullptr) return static_cast<int>(syscall(SYS_openat, directory, path, flags, mode));
  return open_tracked(directory, path, flags, mode);
}

// offset < 0: where the descriptor stands.
ssize_t write_tracked(int fd, const iovec* parts, int count, off_t offset) {
  const Lock lock;
  bool half = false;
  std::string bytes;
  for (int n = 0; n < count; ++n) bytes.append(static_cast<const char*>(parts[n].iov_base), parts[n].iov_len);
  if (fails_now(kCallWrite, fd, &half)) {
    if (!half) return -1;
    bytes.resize(std::max<std::size_t>(1, bytes.size() / 2));
  }
  // Whoever writes to the journal tells of pages that he has changed. From then on anybody's sync of everything
  // covers them, and his would be the only look at them.
  if (offset >= 0) look_at_mappings();
  const auto flags = syscall(SYS_fcntl, fd, F_GETFL);
  auto at = offset;
  if (offset < 0) at = syscall(SYS_lseek, fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
  const auto done = offset < 0 ? syscall(SYS_write, fd, bytes.data(), bytes.size())
                               : syscall(SYS_pwrite64, fd, bytes.data(), bytes.size(), offset);
  const Errno keep;
  if (done > 0)
    if (const auto inode = inode_of(fd, true))
      put(kWrite, inode, static_cast<std::uint64_t>(at), {}, {}, bytes.data(),
          static_cast<std::size_t>(done));
  return done;
}

ssize_t any_write(int fd, const iovec* parts, int count, off_t offset) {
  switch (kind_of(fd)) {
    case kTracked:
      return write_tracked(fd, parts, count, offset);
    case kSocket: {
      const Lock lock;
      look_at_mappings();
      break;
    }
    default:
      break;
  }
  if (offset >= 0) return syscall(SYS_pwritev, fd, parts, count, offset, 0);
  return syscall(SYS_writev, fd, parts, count);
}

int any_sync(int fd, long call) {
  if (kind_of(fd) != kTracked) return static_cast<int>(syscall(call, fd));
  std::uint64_t begun = 0;
  const auto inode = inode_of(fd);
  {
    const Lock lock;
    if (fails_now(kCallSync, fd)) return -1;
    look_at_mappings();
    begun = put(kSyncBegin, inode, 0);
  }
  const int done = static_cast<int>(syscall(call, fd));
  const Errno keep;
  const Lock lock;
  if (done == 0) put(kSyncEnd, inode, begun);
  return done;
}

int sized(int fd, Call call, Kind kind, off_t size, const auto& work) {
  if (kind_of(fd) != kTracked) return work();
  const Lock lock;
  if (fails_now(call, fd)) return -1;
  const int done = work();
  const Errno keep;
  if (done == 0) put(kind, inode_of(fd), static_cast<std::uint64_t>(size));
  return done;
}

// Two names.
int two(Call call, Kind kind, const std::string& from, const std::string& to, const auto& work) {
  if (control == nullptr || (!below(from) && !below(to))) return work();
  const Lock lock;
  if (must_fail(call, to)) return -1;
  const auto inode = inode_of(from);
  const int done = work();
  const Errno keep;
  if (done == 0) put(kind, inode, 0, from, to);
  return done;
}

int one(Call call, Kind kind, const std::string& path, const auto& work) {
  if (control == nullptr || !below(path)) return work();
  const Lock lock;
  if (must_fail(call, path)) return -1;
  const auto before = inode_of(path);
  const int done = work();
  const Errno keep;
  if (done == 0) put(kind, before != 0 ? before : inode_of(path), 0, path);
  return done;
}

std::string path_at(int directory, const char* path) {
  return control == nullptr ? std::string() : full_path(directory, path);
}

}  // namespace
}  // namespace recorder

using namespace recorder;

extern "C" {
#pragma GCC visibility push(default)

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return any_open(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return any_open(directory, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return any_open(AT_FDCWD, path, flags, mode);
}
int openat64(int directory, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return any_open(directory, path, flags, mode);
}
int __open_2(const char* path, int flags) {
  return any_open(AT_FDCWD, path, flags, 0);
}
int __open64_2(const char* path, int flags) {
  return any_open(AT_FDCWD, path, flags, 0);
}
int creat(const char* path, mode_t mode) {
  return any_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char* path, mode_t mode) {
  return any_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int fd) {
  if (fd == trace && fd >= 0) return 0;  // somebody closes all he does not know
  set_kind(fd, kUnknown);
  return static_cast<int>(syscall(SYS_close, fd));
}
int dup2(int from, int to) {
  set_kind(to, kUnknown);
  return static_cast<int>(syscall(SYS_dup2, from, to));
}

int close_range(unsigned first, unsigned last, int flags) {
  const auto ours = static_cast<unsigned>(trace);
  if (trace >= 0 && first <= ours && ours <= last && (flags & CLOSE_RANGE_CLOEXEC) == 0) {
    const bool below_ours = first == ours || syscall(SYS_close_range, first, ours - 1, flags) == 0;
    return below_ours && (last == ours || syscall(SYS_close_range, ours + 1, last, flags) == 0) ? 0 : -1;
  }
  return static_cast<int>(syscall(SYS_close_range, first, last, flags));
}

ssize_t write(int fd, const void* bytes, size_t size) {
  const iovec part{const_cast<void*>(bytes), size};
  return any_write(fd, &part, 1, -1);
}
ssize_t writev(int fd, const iovec* parts, int count) {
  return any_write(fd, parts, count, -1);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  const iovec part{const_cast<void*>(bytes), size};
  return any_write(fd, &part, 1, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  const iovec part{const_cast<void*>(bytes), size};
  return any_write(fd, &part, 1, offset);
}
ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  return any_write(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t offset) {
  return any_write(fd, parts, count, offset);
}
ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  if (control != nullptr) {
    const Lock lock;
    look_at_mappings();
  }
  return syscall(SYS_sendto, fd, bytes, size, flags, nullptr, 0);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (control != nullptr) {
    const Lock lock;
    look_at_mappings();
  }
  return syscall(SYS_sendmsg, fd, message, flags);
}

// The kernel copies; we read back what it has copied.
ssize_t copy_file_range(int in, off64_t* in_at, int out, off64_t* out_at, size_t size, unsigned flags) {
  if (looking_fails(kCallRead, in)) return -1;
  if (kind_of(out) != kTracked) return syscall(SYS_copy_file_range, in, in_at, out, out_at, size, flags);
  const Lock lock;
  if (fails_now(kCallWrite, out)) return -1;
  const auto at = out_at != nullptr ? *out_at : syscall(SYS_lseek, out, 0, SEEK_CUR);
  const auto done = syscall(SYS_copy_file_range, in, in_at, out, out_at, size, flags);
  const Errno keep;
  if (done > 0) {
    std::string bytes(static_cast<std::size_t>(done), '\0');
    if (syscall(SYS_pread64, out, bytes.data(), bytes.size(), at) == done)
      put(kWrite, inode_of(out), static_cast<std::uint64_t>(at), {}, {}, bytes.data(), bytes.size());
    else
      abort();  // opened for writing only: say so, rather than miss bytes
  }
  return done;
}

int ftruncate(int fd, off_t size) {
  return sized(fd, kCallAllocate, kTruncate, size,
               [&] { return static_cast<int>(syscall(SYS_ftruncate, fd, size)); });
}
int ftruncate64(int fd, off64_t size) {
  return ftruncate(fd, size);
}
int fallocate(int fd, int mode, off_t offset, off_t size) {
  return sized(fd, kCallAllocate, kAllocate, mode == 0 ? offset + size : 0,
               [&] { return static_cast<int>(syscall(SYS_fallocate, fd, mode, offset, size)); });
}
int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  return fallocate(fd, mode, offset, size);
}
int posix_fallocate(int fd, off_t offset, off_t size) {
  const Errno keep;
  return fallocate(fd, 0, offset, size) == 0 ? 0 : errno;
}
int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  return posix_fallocate(fd, offset, size);
}

int renameat2(int from_at, const char* from, int to_at, const char* to, unsigned flags) {
  return two(kCallRename, kRename, path_at(from_at, from), path_at(to_at, to),
             [&] { return static_cast<int>(syscall(SYS_renameat2, from_at, from, to_at, to, flags)); });
}
int renameat(int from_at, const char* from, int to_at, const char* to) {
  return renameat2(from_at, from, to_at, to, 0);
}
int rename(const char* from, const char* to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int linkat(int from_at, const char* from, int to_at, const char* to, int flags) {
  auto source = path_at(from_at, from);
  if (control != nullptr && (flags & AT_SYMLINK_FOLLOW) && source.starts_with("/proc/"))
    source = link_text(source);
  return two(kCallLink, kLink, source, path_at(to_at, to),
             [&] { return static_cast<int>(syscall(SYS_linkat, from_at, from, to_at, to, flags)); });
}
int link(const char* from, const char* to) {
  return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int unlinkat(int at, const char* path, int flags) {
  const bool folder = (flags & AT_REMOVEDIR) != 0;
  return one(folder ? kCallRemoveDirectory : kCallUnlink, folder ? kRemoveDirectory : kUnlink,
             path_at(at, path), [&] { return static_cast<int>(syscall(SYS_unlinkat, at, path, flags)); });
}
int unlink(const char* path) {
  return unlinkat(AT_FDCWD, path, 0);
}
int rmdir(const char* path) {
  return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
int remove(const char* path) {
  return unlink(path) == 0 || (errno == EISDIR && rmdir(path) == 0) ? 0 : -1;
}
int mkdirat(int at, const char* path, mode_t mode) {
  return one(kCallMakeDirectory, kMakeDirectory, path_at(at, path),
             [&] { return static_cast<int>(syscall(SYS_mkdirat, at, path, mode)); });
}
int mkdir(const char* path, mode_t mode) {
  return mkdirat(AT_FDCWD, path, mode);
}

int fsync(int fd) {
  return any_sync(fd, SYS_fsync);
}
int fdatasync(int fd) {
  return any_sync(fd, SYS_fdatasync);
}
int syncfs(int fd) {
  if (kind_of(fd) != kTracked) return static_cast<int>(syscall(SYS_syncfs, fd));
  std::uint64_t begun = 0;
  {
    const Lock lock;
    if (fails_now(kCallSync, fd)) return -1;
    look_at_mappings();
    begun = put(kSyncAllBegin, 0, 0);
  }
  const int done = static_cast<int>(syscall(SYS_syncfs, fd));
  const Errno keep;
  const Lock lock;
  if (done == 0) put(kSyncAllEnd, 0, begun);
  return done;
}

void* mmap(void* where, size_t length, int protection, int flags, int fd, off_t offset) {
  void* const at = reinterpret_cast<void*>(syscall(SYS_mmap, where, length, protection, flags, fd, offset));
  if (at == MAP_FAILED || control == nullptr || fd < 0 || (flags & MAP_SHARED) == 0 ||
      (protection & PROT_WRITE) == 0 || kind_of(fd) != kTracked)
    return at;
  const Errno keep;
  add_mapping(at, length, inode_of(fd), static_cast<std::uint64_t>(offset));
  return at;
}
void* mmap64(void* where, size_t length, int protection, int flags, int fd, off64_t offset) {
  return mmap(where, length, protection, flags, fd, offset);
}
int munmap(void* at, size_t length) {
  if (control != nullptr) {
    const Errno keep;
    if (begins_mapping(at)) {
      const Lock lock;  // what was changed through it must not be forgotten
      look_at_mappings();
      drop_mapping(at);
    }
  }
  return static_cast<int>(syscall(SYS_munmap, at, length));
}
int msync(void* at, size_t length, int flags) {
  std::uint64_t inode = 0, begun = 0;
  if (control != nullptr && (flags & MS_SYNC)) {
    const Lock lock;
    look_at_mappings();
    inode = inode_mapped_at(at);
    if (inode != 0) begun = put(kSyncBegin, inode, 0);
  }
  const int done = static_cast<int>(syscall(SYS_msync, at, length, flags));
  if (done == 0 && inode != 0) {
    const Errno keep;
    const Lock lock;
    put(kSyncEnd, inode, begun);
  }
  return done;
}

#pragma GCC visibility pop
}  // extern "C"
