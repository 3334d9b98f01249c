// A disk that refuses, for tests: one call for a file below a directory fails, in this process and its children.
//
// The calls that look or read (open, stat, lstat, fstat, statx, access, read, pread, opendir, readdir), those that
// change names (link, rename, unlink) and syncfs. The program's own calls only: what a library does by itself is not seen.
#pragma once

#include <functional>
#include <string>

namespace waxwing {

class BadDisk {
 public:
  // The n-th such call (from 1) for a path that begins with prefix fails with that errno; 0: none does.
  BadDisk(const std::string& prefix, long n, int number);
  ~BadDisk();  // no call fails any more
  static bool failed();
  // Which call it was, and for what.
  static std::string site();
  // What was called until then, a line each.
  static std::string calls();
};

// Runs this just before the program's next unlink.
void before_next_unlink(std::function<void()> work);

}  // namespace waxwing
