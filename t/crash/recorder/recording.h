// What stands behind the calls of calls.cc: the trace, and which calls are made to fail.
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>

#include "t/crash/recorder/recorder.h"

namespace recorder {

// Null outside a recorded family of processes: then nothing below is to be called.
extern Control* control;
extern int trace;  // descriptor; -1 when only failing is wanted

// Keeps errno for the caller.
struct Errno {
  int saved = errno;
  ~Errno() { errno = saved; }
};

// Orders calls and entries over all processes.
struct Lock {
  Lock();
  ~Lock();
};

// ---- what a call is about ----
bool below(const std::string& path);  // in one of the trees
std::string link_text(const std::string& path);
std::string path_of_fd(int fd);
std::string full_path(int directory, const char* path);
std::uint64_t inode_of(int fd, bool only_files = false);
std::uint64_t inode_of(const std::string& path);

enum FdKind : std::uint8_t { kUnknown, kOther, kTracked, kSocket };
FdKind kind_of(int fd);
void set_kind(int fd, FdKind kind);

// ---- under the lock ----
// Appends an entry and answers its number.
std::uint64_t put(Kind kind, std::uint64_t inode, std::uint64_t offset, const std::string& path = {},
                  const std::string& other = {}, const void* data = nullptr, std::size_t size = 0);
// Puts the pages of this process's mappings that are not as they were recorded last.
void look_at_mappings();
// True: the call must fail (errno is set) or, with *half, do half of its work.
bool must_fail(Call call, const std::string& path, bool* half = nullptr);
bool fails_now(Call call, int fd, bool* half = nullptr);

// ---- without the lock ----
// The call looks or reads only, and must fail.
bool looking_fails(Call call, int fd);
bool looking_fails(Call call, const std::string& path);

// ---- shared mappings of files in the trees ----
void add_mapping(const void* at, std::size_t length, std::uint64_t inode, std::uint64_t offset);
bool begins_mapping(const void* at);
void drop_mapping(const void* at);
std::uint64_t inode_mapped_at(const void* at);  // 0: none

}  // namespace recorder
