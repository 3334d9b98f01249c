#include "t/unit/bad_disk.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <utility>

namespace {
// Read by calls that come before anything is constructed.
bool armed = false;
bool has_failed = false;
long countdown = 0;
int error = 0;
std::string* below = nullptr;
std::string* failed_site = nullptr;
std::string* all_calls = nullptr;
std::function<void()>* before_unlink = nullptr;

bool fails(const char* call, const std::string& path) {
  if (!path.starts_with(*below)) return false;
  *all_calls += std::string(call) + " " + path + "\n";
  if (--countdown != 0) return false;
  armed = false;
  has_failed = true;
  *failed_site = std::string(call) + " " + path;
  errno = error;
  return true;
}
bool refuses(const char* call, const char* path) {
  return armed && fails(call, path);
}
bool refuses(const char* call, int fd) {
  if (!armed) return false;
  char path[4096];
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  const auto length = ::syscall(SYS_readlinkat, AT_FDCWD, link.c_str(), path, sizeof path);
  return length > 0 && fails(call, std::string(path, static_cast<std::size_t>(length)));
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}
}  // namespace

namespace waxwing {
BadDisk::BadDisk(const std::string& prefix, long n, int number) {
  below = new std::string(prefix);
  failed_site = new std::string;
  all_calls = new std::string;
  countdown = n;
  error = number;
  has_failed = false;
  armed = true;
}
BadDisk::~BadDisk() {
  armed = false;
  delete below;
  delete failed_site;
  delete all_calls;
}
bool BadDisk::failed() {
  return has_failed;
}
std::string BadDisk::site() {
  return *failed_site;
}
std::string BadDisk::calls() {
  return *all_calls;
}
void before_next_unlink(std::function<void()> work) {
  before_unlink = new std::function(std::move(work));
}
}  // namespace waxwing

// In front of the C library's; the program is built with _FILE_OFFSET_BITS=64, so these are the names it calls.
extern "C" {
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (refuses("open", path)) return -1;
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
int stat64(const char* path, struct stat64* status) noexcept {
  if (refuses("stat", path)) return -1;
  return static_cast<int>(::syscall(SYS_newfstatat, AT_FDCWD, path, status, 0));
}
int lstat64(const char* path, struct stat64* status) noexcept {
  if (refuses("lstat", path)) return -1;
  return static_cast<int>(::syscall(SYS_newfstatat, AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW));
}
int fstat64(int fd, struct stat64* status) noexcept {
  if (refuses("fstat", fd)) return -1;
  return static_cast<int>(::syscall(SYS_fstat, fd, status));
}
int statx(int at, const char* path, int flags, unsigned mask, struct statx* status) noexcept {
  if (refuses("statx", path)) return -1;
  return static_cast<int>(::syscall(SYS_statx, at, path, flags, mask, status));
}
int access(const char* path, int mode) noexcept {
  if (refuses("access", path)) return -1;
  return static_cast<int>(::syscall(SYS_faccessat, AT_FDCWD, path, mode));
}
ssize_t read(int fd, void* to, size_t count) {
  if (refuses("read", fd)) return -1;
  return ::syscall(SYS_read, fd, to, count);
}
ssize_t pread64(int fd, void* to, size_t count, off64_t offset) {
  if (refuses("pread", fd)) return -1;
  return ::syscall(SYS_pread64, fd, to, count, offset);
}
DIR* opendir(const char* path) {
  if (refuses("opendir", path)) return nullptr;
  return next<DIR*(const char*)>("opendir")(path);
}
struct dirent64* readdir64(DIR* folder) {
  if (refuses("readdir", ::dirfd(folder))) return nullptr;
  return next<struct dirent64*(DIR*)>("readdir64")(folder);
}
int syncfs(int fd) noexcept {
  if (refuses("syncfs", fd)) return -1;
  return static_cast<int>(::syscall(SYS_syncfs, fd));
}
int link(const char* from, const char* to) noexcept {
  if (refuses("link", to)) return -1;
  return static_cast<int>(::syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int rename(const char* from, const char* to) noexcept {
  if (refuses("rename", to)) return -1;
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int unlink(const char* path) noexcept {
  if (const auto* const work = std::exchange(before_unlink, nullptr)) {
    (*work)();
    delete work;
  }
  if (refuses("unlink", path)) return -1;
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
}
