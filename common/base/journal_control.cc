#include "common/base/journal_control.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "common/base/journal_layout.h"
#include "common/base/path.h"
#include "common/base/random.h"
#include "common/base/space.h"
#include "common/base/strings.h"

namespace waxwing::durable {

namespace {
constexpr char kMagic[9] = "WAXWJCTL";
// Changes by itself with the form of the block; raise the number when a field means something else than before.
constexpr std::uint32_t kVersion = layout_version(5);

void make_mutex(pthread_mutex_t& mutex) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

Result<struct stat> status_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return std::unexpected(system_error("cannot stat the journal", errno));
  return status;
}
}  // namespace

Control::~Control() {
  if (block_ != nullptr) ::munmap(block_, sizeof *block_);
}

Result<Control> Control::map(int fd) {
  void* const at = ::mmap(nullptr, sizeof(ControlBlock), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return std::unexpected(system_error("cannot map the journal's control file", errno));
  Control control;
  control.block_ = static_cast<ControlBlock*>(at);
  return control;
}

Result<Control> Control::attach(const std::string& path, int lock_fd) {
  if (!file_exists(path)) return Control();
  TRY(const auto file, open_file(path, O_RDWR | O_NOFOLLOW));
  TRY(const auto size, status_of(file.get()));
  if (size.st_size != static_cast<off_t>(sizeof(ControlBlock))) return Control();
  TRY(auto control, map(file.get()));
  TRY(const auto lock, status_of(lock_fd));
  const auto& block = *control;
  const auto boot = boot_id();
  const bool ours = std::memcmp(block.magic, kMagic, sizeof block.magic) == 0 && block.version == kVersion &&
                    block.bytes == sizeof block && !boot.empty() && boot == block.boot_id &&
                    block.device == lock.st_dev && block.inode == lock.st_ino && block.closed == 0;
  if (!ours) return Control();
  return control;
}

namespace {
Result<> make_room(int fd, const std::string& path) {
  if (::ftruncate(fd, sizeof(ControlBlock)) != 0)
    return std::unexpected(system_error("cannot size " + path, errno));
  // A full disk shows here and not as SIGBUS later.
  if (const int failed = ::posix_fallocate(fd, 0, sizeof(ControlBlock)); failed != 0)
    return std::unexpected(system_error("cannot make room for " + path, failed));
  return {};
}

// The spare, or what lies at path and does not count: no process has them, for we alone have the journal. All zero, under the
// temporary name.
Result<UniqueFd> take_old(const std::string& path, const std::string& temporary_path) {
  for (const auto& old : {path + kSpareSuffix, path}) {
    if (::rename(old.c_str(), temporary_path.c_str()) != 0) continue;
    TRY(auto file, open_file(temporary_path, O_RDWR | O_NOFOLLOW));
    if (!make_room(file.get(), temporary_path)) continue;
    TRY_VOID(write_at(file.get(), 0, std::string(sizeof(ControlBlock), '\0')));
    return file;
  }
  return temporary("nothing to take");
}

// On a full disk one that is there already will do.
Result<UniqueFd> new_file(const std::string& path, const std::string& temporary_path) {
  auto file = open_file(temporary_path, O_RDWR | O_CREAT | O_EXCL);
  if (file) {
    const auto made = make_room(file->get(), temporary_path);
    if (made) return file;
    file = std::unexpected(made.error());
  }
  if (!is_no_space(file.error())) return file;
  auto old = take_old(path, temporary_path);
  return old ? std::move(old) : std::move(file);
}
}  // namespace

Result<Control> Control::create(const std::string& path, int lock_fd,
                                void (*fill)(ControlBlock&, const void*), const void* data) {
  const auto temporary_path = path + "." + unique_id() + ".new";
  struct Remove {
    const std::string& path;
    ~Remove() { ::unlink(path.c_str()); }
  } const remove{temporary_path};
  TRY(const auto file, new_file(path, temporary_path));
  TRY_VOID(give_to_owner_of(parent_directory(path), file.get()));
  TRY(auto control, map(file.get()));
  TRY(const auto lock, status_of(lock_fd));
  auto& block = *control;
  std::memcpy(block.magic, kMagic, sizeof block.magic);
  block.version = kVersion;
  block.bytes = sizeof block;
  boot_id().copy(block.boot_id, sizeof block.boot_id - 1);
  block.device = lock.st_dev;
  block.inode = lock.st_ino;
  for (auto* mutex : {&block.append, &block.sync, &block.checkpoint}) make_mutex(*mutex);
  fill(block, data);
  if (::rename(temporary_path.c_str(), path.c_str()) != 0)
    return std::unexpected(system_error("cannot rename " + temporary_path, errno));
  return control;
}

RobustLock::RobustLock(pthread_mutex_t& mutex) {
  taken(::pthread_mutex_lock(&mutex), mutex);
}

RobustLock::RobustLock(pthread_mutex_t& mutex, std::try_to_lock_t) {
  const int outcome = ::pthread_mutex_trylock(&mutex);
  if (outcome != EBUSY) taken(outcome, mutex);
}

void RobustLock::taken(int outcome, pthread_mutex_t& mutex) {
  inherited_ = outcome == EOWNERDEAD;
  // What it protects is whole at every instruction, so it is made usable again at once: an heir that dies
  // here leaves it to the next.
  if (inherited_) ::pthread_mutex_consistent(&mutex);
  if (outcome != 0 && !inherited_) throw std::logic_error("the journal's lock cannot be taken");
  mutex_ = &mutex;
}

RobustLock::~RobustLock() {
  if (mutex_ != nullptr) ::pthread_mutex_unlock(mutex_);
}

LogEnd log_end(const ControlBlock& control) {
  return control.ends[control.end_in_use & 1];
}

void set_log_end(ControlBlock& control, LogEnd end) {
  const auto other = (control.end_in_use & 1) ^ 1;
  control.ends[other] = end;
  control.end_in_use.store(other, std::memory_order_release);
}

int slot_of(const ControlBlock& control, std::uint64_t segment) {
  const auto count = control.slots.load();
  for (std::uint32_t slot = 0; slot < count; ++slot)
    if (control.slot_segment[slot].load() == segment) return static_cast<int>(slot);
  return -1;
}

std::string boot_id() {
  const auto text = read_file("/proc/sys/kernel/random/boot_id", 4096);
  return text ? std::string(trim(*text)).substr(0, 39) : std::string();
}

}  // namespace waxwing::durable
