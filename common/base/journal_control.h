// ROOT/run/journal: what the processes that share a journal know in common, mapped by all of them.
//
// It is memory with a name, never synced, and counts only during the system run it was made in: boot_id says
// which, and the inode of ROOT/journal/lock says for which journal, so that a copied instance does not
// believe it. Whoever finds it missing or strange replays the journal and makes a new one.
//
// Any process may die at any instruction. So every number here changes by a single store, the end of the log,
// which has two parts, by writing the copy that is not in use and then switching; and the mutexes are robust:
// the next owner hears of the death. Two flags tell it what the dead was about: syncing, checking (below).
//
// Locks are taken in the order checkpoint, sync, append. Under append nobody waits for the disk.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "common/base/file.h"
#include "common/base/journal_segment.h"

namespace waxwing::durable {

constexpr std::size_t kMostRoots = 64, kMostRootBytes = 1024;

struct LogEnd {
  std::uint64_t lsn = 0;
  std::uint64_t chain = 0;
};

// version is made from the form (journal_layout.h, where each field is named); the first four stand where they are.
struct ControlBlock {
  char magic[8];
  std::uint32_t version, bytes;
  char boot_id[40];
  std::uint64_t device, inode;  // of ROOT/journal/lock
  std::uint64_t segment_bytes;

  pthread_mutex_t append, sync, checkpoint;

  LogEnd ends[2];  // under append
  std::atomic<std::uint32_t> end_in_use;

  std::uint64_t key;                        // of the log's segments and of what it tells of its syncs
  std::atomic<std::uint64_t> told_synced;   // the last place that the log told to be synced; under append
  std::atomic<std::uint64_t> synced;        // everything before is on disk in the segments; under sync
  std::atomic<std::uint64_t> checkpointed;  // everything before is on disk in the files; under checkpoint
  std::atomic<std::uint64_t> checkpoint_serial;
  // A sync of the segments has failed or its result is unknown: no more appends until recover().
  std::atomic<std::uint32_t> broken;
  // The last process has left: what this block says is no longer true, and nobody may append by it.
  std::atomic<std::uint32_t> closed;
  // Set while fdatasync or syncfs runs. Found set by the heir of a dead owner: the disk may have reported an
  // error to the dead, and it reports only once.
  std::atomic<std::uint32_t> syncing, checking;
  // Pages that could not be written may be taken for clean by the kernel now, also those of files that are yet to be
  // appended: a sync of the files has failed, or died and nobody knows (journal_sync.cc). Which, and when; under checkpoint.
  std::atomic<std::uint32_t> doubt;
  std::atomic<std::uint64_t> passes, doubted_pass;        // syncs that began; and the one in doubt
  std::atomic<std::int64_t> doubted_ms, doubted_wall_ms;  // monotonic; CLOCK_REALTIME
  // What was applied when the log ended before this place may be neither in the log behind it nor on disk, so it is
  // not appended any more; under append.
  std::atomic<std::uint64_t> refused_before;
  std::atomic<std::int64_t> unchecked_since_ms;  // monotonic; 0: nothing appended since the checkpoint

  std::atomic<std::uint32_t> slots;  // segment files; under checkpoint
  // The place from which the log counts, or will when the checkpoint is done; written under append.
  std::atomic<std::uint64_t> noted;
  // When that was noted: milliseconds of CLOCK_REALTIME, the lower 32 bits.
  std::atomic<std::uint32_t> noted_ms;
  std::atomic<std::uint64_t> slot_segment[kMostSegments];  // number a file holds or 0; under append
  std::atomic<std::uint32_t> root_count;                   // under checkpoint
  char roots[kMostRoots][kMostRootBytes];
  std::atomic<std::uint64_t> appends, syncs, checkpoints;  // for curiosity
};

// Behind the name of control: one that the last process to leave has kept, so that a full disk keeps nobody from starting.
inline constexpr const char* kSpareSuffix = ".spare";

class Control {
 public:
  Control() = default;
  Control(Control&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Control& operator=(Control&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Control();

  // Maps the file if it belongs to this system run and to that lock file; otherwise an empty Control.
  static Result<Control> attach(const std::string& path, int lock_fd);
  // Makes it, mutexes and all, under a temporary name; fill() writes the rest; then it gets its name. On a full disk out of
  // the spare, or of one at path that does not count; the caller has the journal alone.
  static Result<Control> create(const std::string& path, int lock_fd,
                                void (*fill)(ControlBlock&, const void*), const void* data);
  explicit operator bool() const { return block_ != nullptr; }
  ControlBlock* operator->() const { return block_; }
  ControlBlock& operator*() const { return *block_; }

 private:
  static Result<Control> map(int fd);
  ControlBlock* block_ = nullptr;
};

// A robust mutex held. inherited: its owner died with it.
class RobustLock {
 public:
  explicit RobustLock(pthread_mutex_t& mutex);
  // Without waiting; then held() tells.
  RobustLock(pthread_mutex_t& mutex, std::try_to_lock_t);
  RobustLock(const RobustLock&) = delete;
  RobustLock& operator=(const RobustLock&) = delete;
  ~RobustLock();
  bool inherited() const { return inherited_; }
  bool held() const { return mutex_ != nullptr; }

 private:
  void taken(int outcome, pthread_mutex_t& mutex);
  pthread_mutex_t* mutex_ = nullptr;
  bool inherited_ = false;
};

// The end of the log; under append.
LogEnd log_end(const ControlBlock& control);
void set_log_end(ControlBlock& control, LogEnd end);
// File that holds the segment, or -1. The number of a file may change afterwards only if the segment is free.
int slot_of(const ControlBlock& control, std::uint64_t segment);

// Which system run this is; empty when the system does not tell.
std::string boot_id();

}  // namespace waxwing::durable
