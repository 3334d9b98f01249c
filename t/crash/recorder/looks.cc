// The calls that change nothing: here they are only made to fail.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "t/crash/recorder/recording.h"

namespace recorder {
namespace {
bool stat_fails(int at, const char* path) {
  if (control == nullptr || (control->fail_calls & kCallStat) == 0) return false;
  return path[0] == 0 ? looking_fails(kCallStat, at) : looking_fails(kCallStat, full_path(at, path));
}

int any_stat(int at, const char* path, void* status, int flags) {
  if (stat_fails(at, path)) return -1;
  return static_cast<int>(syscall(SYS_newfstatat, at, path, status, flags));
}

int any_fstat(int fd, void* status) {
  if (looking_fails(kCallStat, fd)) return -1;
  return static_cast<int>(syscall(SYS_fstat, fd, status));
}

// What the C library keeps in a DIR is its own.
template <class Function>
Function* behind(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool listing_fails(DIR* folder) {
  if (control == nullptr || (control->fail_calls & kCallList) == 0) return false;
  return looking_fails(kCallList, path_of_fd(dirfd(folder)));
}
}  // namespace
}  // namespace recorder

using namespace recorder;

extern "C" {
#pragma GCC visibility push(default)

ssize_t read(int fd, void* to, size_t size) {
  if (looking_fails(kCallRead, fd)) return -1;
  return syscall(SYS_read, fd, to, size);
}
ssize_t pread(int fd, void* to, size_t size, off_t offset) {
  if (looking_fails(kCallRead, fd)) return -1;
  return syscall(SYS_pread64, fd, to, size, offset);
}
ssize_t pread64(int fd, void* to, size_t size, off64_t offset) {
  return pread(fd, to, size, offset);
}
ssize_t readv(int fd, const iovec* parts, int count) {
  if (looking_fails(kCallRead, fd)) return -1;
  return syscall(SYS_readv, fd, parts, count);
}
ssize_t preadv(int fd, const iovec* parts, int count, off_t offset) {
  if (looking_fails(kCallRead, fd)) return -1;
  return syscall(SYS_preadv, fd, parts, count, offset, 0);
}
ssize_t preadv64(int fd, const iovec* parts, int count, off64_t offset) {
  return preadv(fd, parts, count, offset);
}

int stat(const char* path, struct stat* status) noexcept {
  return any_stat(AT_FDCWD, path, status, 0);
}
int stat64(const char* path, struct stat64* status) noexcept {
  return any_stat(AT_FDCWD, path, status, 0);
}
int lstat(const char* path, struct stat* status) noexcept {
  return any_stat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}
int lstat64(const char* path, struct stat64* status) noexcept {
  return any_stat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}
int fstatat(int at, const char* path, struct stat* status, int flags) noexcept {
  return any_stat(at, path, status, flags);
}
int fstatat64(int at, const char* path, struct stat64* status, int flags) noexcept {
  return any_stat(at, path, status, flags);
}
int fstat(int fd, struct stat* status) noexcept {
  return any_fstat(fd, status);
}
int fstat64(int fd, struct stat64* status) noexcept {
  return any_fstat(fd, status);
}
int statx(int at, const char* path, int flags, unsigned mask, struct statx* status) noexcept {
  if (stat_fails(at, path)) return -1;
  return static_cast<int>(syscall(SYS_statx, at, path, flags, mask, status));
}
int access(const char* path, int mode) noexcept {
  if (stat_fails(AT_FDCWD, path)) return -1;
  return static_cast<int>(syscall(SYS_faccessat, AT_FDCWD, path, mode));
}

DIR* opendir(const char* path) {
  if (control != nullptr && looking_fails(kCallLook, full_path(AT_FDCWD, path))) return nullptr;
  return behind<DIR*(const char*)>("opendir")(path);
}
dirent* readdir(DIR* folder) {
  if (listing_fails(folder)) return nullptr;
  return behind<dirent*(DIR*)>("readdir")(folder);
}
dirent64* readdir64(DIR* folder) {
  if (listing_fails(folder)) return nullptr;
  return behind<dirent64*(DIR*)>("readdir64")(folder);
}

#pragma GCC visibility pop
}  // extern "C"
