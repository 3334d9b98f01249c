#include "t/crash/recorder/recording.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <mutex>
#include <utility>
#include <vector>

namespace recorder {

Control* control = nullptr;
int trace = -1;

namespace {
constexpr std::size_t kPageBytes = 4096;
constexpr int kMostFds = 65536;

std::vector<std::string>* trees = nullptr;  // never destroyed: used until the last moment
std::atomic<FdKind> fd_kind[kMostFds];

struct Mapped {
  const char* at;
  std::size_t length;
  std::uint64_t inode;
  std::uint64_t offset;
};
std::mutex* mapped_mutex = nullptr;
std::vector<Mapped>* mapped = nullptr;

void make_mutex() {
  std::uint32_t fresh = 0;
  std::atomic_ref ready(control->ready);
  if (ready.compare_exchange_strong(fresh, 1)) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&control->mutex, &attributes);
    ready.store(2);
  }
  while (ready.load() != 2) usleep(100);
}

[[gnu::constructor]] void begin() {
  const char* path = getenv("RECORDER_CONTROL");
  const char* tree = getenv("RECORDER_TREE");
  if (path == nullptr || tree == nullptr) return;
  const int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0));
  if (fd < 0) return;
  void* at = reinterpret_cast<void*>(
      syscall(SYS_mmap, nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  syscall(SYS_close, fd);
  if (at == MAP_FAILED) return;
  trees = new std::vector<std::string>;
  for (std::string rest = tree; !rest.empty();) {
    const auto colon = rest.find(':');
    trees->push_back(rest.substr(0, colon));
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  mapped_mutex = new std::mutex;
  mapped = new std::vector<Mapped>;
  if (const char* name = getenv("RECORDER_TRACE"))
    trace = static_cast<int>(syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  // Out of the way of those who count on low numbers.
  if (trace >= 0) {
    const auto high = static_cast<int>(syscall(SYS_fcntl, trace, F_DUPFD_CLOEXEC, 900));
    if (high >= 0) syscall(SYS_close, std::exchange(trace, high));
  }
  control = static_cast<Control*>(at);
  make_mutex();
}
}  // namespace

Lock::Lock() {
  if (pthread_mutex_lock(&control->mutex) == EOWNERDEAD) pthread_mutex_consistent(&control->mutex);
}
Lock::~Lock() {
  pthread_mutex_unlock(&control->mutex);
}

bool below(const std::string& path) {
  for (const auto& tree : *trees)
    if (path.starts_with(tree) && (path.size() == tree.size() || path[tree.size()] == '/')) return true;
  return false;
}

std::string link_text(const std::string& path) {
  char text[4096];
  const auto n = syscall(SYS_readlinkat, AT_FDCWD, path.c_str(), text, sizeof text);
  return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string();
}

std::string path_of_fd(int fd) {
  return link_text("/proc/self/fd/" + std::to_string(fd));
}

std::string full_path(int directory, const char* path) {
  if (path[0] == '/') return path;
  const auto base = directory == AT_FDCWD ? link_text("/proc/self/cwd") : path_of_fd(directory);
  return base + "/" + path;
}

FdKind kind_of(int fd) {
  if (control == nullptr || fd < 0 || fd >= kMostFds) return kOther;
  const auto known = fd_kind[fd].load(std::memory_order_relaxed);
  if (known != kUnknown) return known;
  const Errno keep;
  const auto path = path_of_fd(fd);
  const auto kind = path.starts_with("socket:") ? kSocket : below(path) ? kTracked : kOther;
  set_kind(fd, kind);
  return kind;
}

void set_kind(int fd, FdKind kind) {
  if (fd >= 0 && fd < kMostFds) fd_kind[fd].store(kind, std::memory_order_relaxed);
}

std::uint64_t inode_of(int fd, bool only_files) {
  struct stat status {};
  if (syscall(SYS_fstat, fd, &status) != 0) return 0;
  return only_files && !S_ISREG(status.st_mode) ? 0 : status.st_ino;
}
std::uint64_t inode_of(const std::string& path) {
  struct stat status {};
  return syscall(SYS_newfstatat, AT_FDCWD, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino
                                                                                            : 0;
}

// ---- the trace ------------------------------------------------------------------------------------
std::uint64_t put(Kind kind, std::uint64_t inode, std::uint64_t offset, const std::string& path,
                  const std::string& other, const void* data, std::size_t size) {
  if (trace < 0) return 0;
  Entry entry{};
  entry.bytes = static_cast<std::uint32_t>(sizeof entry + path.size() + other.size() + size);
  entry.kind = kind;
  entry.path_bytes = static_cast<std::uint16_t>(path.size());
  entry.other_bytes = static_cast<std::uint16_t>(other.size());
  entry.pid = static_cast<std::uint32_t>(getpid());
  entry.number = control->entries;
  entry.inode = inode;
  entry.offset = offset;
  std::string bytes(reinterpret_cast<const char*>(&entry), sizeof entry);
  bytes += path;
  bytes += other;
  bytes.append(static_cast<const char*>(data), size);
  if (syscall(SYS_pwrite64, trace, bytes.data(), bytes.size(), control->length) !=
      static_cast<long>(bytes.size()))
    abort();  // a trace with a hole proves nothing
  control->length += bytes.size();
  return control->entries++;
}

namespace {
std::uint64_t hash(const char (&at)[kPageBytes]) {
  std::uint64_t value = 0x9e3779b97f4a7c15;
  for (std::size_t n = 0; n < kPageBytes; n += 8) {
    std::uint64_t word;
    memcpy(&word, at + n, 8);
    value = (value ^ word) * 0xff51afd7ed558ccd;
    value ^= value >> 32;
  }
  return value;
}
}  // namespace

void look_at_mappings() {
  if (trace < 0) return;
  const std::lock_guard guard(*mapped_mutex);
  for (const auto& map : *mapped) {
    for (std::size_t n = 0; n < map.length; n += kPageBytes) {
      const auto size = std::min(kPageBytes, map.length - n);
      char copy[kPageBytes] = {};  // it may change under our eyes
      memcpy(copy, map.at + n, size);
      const auto value = hash(copy);
      const auto key = map.inode * 0x9e3779b97f4a7c15 + (map.offset + n) / kPageBytes;
      auto& seen = control->pages[key % kPagesSeen];
      if (seen.key == key && seen.hash == value) continue;
      seen = {key, value};
      put(kPage, map.inode, map.offset + n, {}, {}, copy, size);
    }
  }
}

void add_mapping(const void* at, std::size_t length, std::uint64_t inode, std::uint64_t offset) {
  const std::lock_guard guard(*mapped_mutex);
  mapped->push_back({static_cast<const char*>(at), length, inode, offset});
}

bool begins_mapping(const void* at) {
  const std::lock_guard guard(*mapped_mutex);
  return std::ranges::any_of(*mapped, [&](const Mapped& map) { return map.at == at; });
}

void drop_mapping(const void* at) {
  const std::lock_guard guard(*mapped_mutex);
  std::erase_if(*mapped, [&](const Mapped& map) { return map.at == at; });
}

std::uint64_t inode_mapped_at(const void* at) {
  const std::lock_guard guard(*mapped_mutex);
  for (const auto& map : *mapped)
    if (map.at <= at && at < map.at + map.length) return map.inode;
  return 0;
}

// ---- failing --------------------------------------------------------------------------------------
bool must_fail(Call call, const std::string& path, bool* half) {
  if ((control->fail_calls & call) == 0) return false;
  if (control->fail_program[0] != 0 && strcmp(control->fail_program, program_invocation_short_name) != 0)
    return false;
  if (path.find(control->fail_path) == std::string::npos) return false;
  control->passed_of[std::countr_zero(static_cast<unsigned>(call))] += 1;
  const auto number = ++control->passed;
  if (number < control->fail_at || control->failed >= control->fail_times) return false;
  if (control->fail_errno == 0 && half == nullptr) return false;
  control->failed += 1;
  snprintf(control->site, sizeof control->site, "%s call %u %s", program_invocation_short_name, call,
           path.c_str());
  if (control->fail_errno == 0)
    *half = true;
  else
    errno = static_cast<int>(control->fail_errno);
  return true;
}

bool looking_fails(Call call, int fd) {
  if (control == nullptr || (control->fail_calls & call) == 0 || kind_of(fd) != kTracked) return false;
  const auto path = path_of_fd(fd);
  if (!below(path)) return false;  // closed by the C library, and somebody else's by now
  const Lock lock;
  return must_fail(call, path);
}
bool looking_fails(Call call, const std::string& path) {
  if (control == nullptr || (control->fail_calls & call) == 0 || !below(path)) return false;
  const Lock lock;
  return must_fail(call, path);
}

bool fails_now(Call call, int fd, bool* half) {
  return control->fail_calls != 0 && must_fail(call, path_of_fd(fd), half);
}

}  // namespace recorder
