// What the recorder and its readers share: the control block and the trace.
//
// Environment of the processes it is loaded into (LD_PRELOAD):
//   RECORDER_CONTROL  a file of sizeof(Control) zeros, mapped shared by all of them
//   RECORDER_TREE     absolute paths, separated by ':'; what is below them is recorded
//   RECORDER_TRACE    the trace, appended to; without it nothing is recorded, but calls can be made to fail
//
// One robust mutex orders everything across processes: a call that changes names or bytes is made and its
// entry written while it is held. A sync is not made under it: it has an entry before and, when it succeeded,
// one behind. Bytes that change through a mapping are seen by comparing pages with what was recorded last, at
// every sync and at everything that is sent over a socket: before a client can know that something was done,
// what it was done with is in the trace.
#pragma once

#include <pthread.h>

#include <cstdint>

namespace recorder {

enum Kind : std::uint16_t {
  kCreate = 1,  // path, inode
  kMakeDirectory,
  kLink,    // path -> other path
  kRename,  // path -> other path
  kUnlink,
  kRemoveDirectory,
  kWrite,     // inode, offset, bytes
  kTruncate,  // inode, size in offset
  kAllocate,  // inode: the size is at least offset
  kPage,      // as kWrite, found in a mapping
  kSyncBegin,
  kSyncEnd,  // offset: number of its kSyncBegin
  kSyncAllBegin,
  kSyncAllEnd,
};

struct Entry {
  std::uint32_t bytes;  // of the whole entry, with paths and data
  std::uint16_t kind;
  std::uint16_t path_bytes;
  std::uint16_t other_bytes;
  std::uint16_t unused;
  std::uint32_t pid;
  std::uint64_t number;
  std::uint64_t inode;
  std::uint64_t offset;
};
static_assert(sizeof(Entry) == 40);

// Calls that can be made to fail, as bits.
enum Call : std::uint32_t {
  kCallOpen = 1,  // that creates
  kCallWrite = 2,
  kCallSync = 4,
  kCallRename = 8,
  kCallLink = 16,
  kCallUnlink = 32,
  kCallMakeDirectory = 64,
  kCallAllocate = 128,  // ftruncate, fallocate
  kCallRemoveDirectory = 256,
  kCallLook = 512,   // open what is there, a directory too
  kCallStat = 1024,  // and access
  kCallRead = 2048,  // and copy_file_range, as far as its source is concerned
  kCallList = 4096,  // readdir
};
inline constexpr int kCalls = 16;

struct PageSeen {
  std::uint64_t key, hash;
};
inline constexpr std::uint64_t kPagesSeen = 1 << 18;

struct Control {
  std::uint32_t ready;       // 0 new, 1 being made, 2 made
  std::uint32_t fail_calls;  // bits of Call; 0: none fails
  std::uint32_t fail_errno;  // 0: a write is cut to its half instead
  std::uint32_t fail_times;  // so many calls fail, from fail_at on
  std::uint64_t fail_at;     // counted from 1
  std::uint64_t passed;      // calls of these kinds so far
  std::uint32_t failed;      // calls that were made to fail
  std::uint32_t unused;
  char fail_program[32];            // empty: any
  char fail_path[64];               // only calls on paths that hold this
  char site[256];                   // what failed: program, call, path
  std::uint64_t entries;            // in the trace
  std::uint64_t length;             // of the trace
  std::uint64_t passed_of[kCalls];  // as passed, of each kind: by the number of its bit
  pthread_mutex_t mutex;
  char pad[64];
  PageSeen pages[kPagesSeen];
};

}  // namespace recorder
