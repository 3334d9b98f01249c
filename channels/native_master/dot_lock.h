// FILE.lock, which exists while somebody writes to FILE.
//
// Ours begins with the process id, as other programs write it, and says on a second line who exactly that is
// (host, system run, start of the process) and how long FILE was before: what a delivery that died had written
// is taken back by the next one, at once, unless somebody else has written behind it. A lock that says no such
// thing is taken for a dead program's after 15 minutes.
//
// A power cut may bring a lock back that was removed. Therefore the size is struck out, and that is on disk, before
// a delivery counts: what comes back takes nothing back. (To sync the folder behind the removal would do as well;
// but when that fails the lock is gone and the message can no longer be taken back before the error is answered.)
//
//   4711
//   waxwing HOST/PID-NAMESPACE BOOT-ID START BYTES INODE
#pragma once

#include <cstdint>
#include <string>

#include "channels/native_master/mailbox.h"
#include "common/base/file.h"

namespace waxwing::channels {

class DotLock {
 public:
  // Of the mailbox at path. owner outlives the lock.
  DotLock(const std::string& path, const Owner& owner);
  ~DotLock();
  DotLock(const DotLock&) = delete;
  DotLock& operator=(const DotLock&) = delete;

  // Temporary error: others hold it until then. Takes the owner's rights itself, and commits between.
  Result<> take(std::int64_t until_ms);
  // Before the first byte is written: so long is the mailbox now.
  Result<> note_size(int mailbox_fd) const;
  // When the message is on disk, and before anybody is told: on disk, too, that nothing is to be taken back.
  Result<> strike_size() const;

 private:
  // False: there is one.
  Result<bool> made();
  // False: whoever has it may be alive.
  Result<bool> broken(std::int64_t until_ms) const;
  struct Dead;
  Result<Dead> look() const;
  // The mailbox that was cut, not synced; empty: nothing of ours stands there.
  Result<UniqueFd> take_back(std::uint64_t bytes, std::uint64_t inode, std::int64_t until_ms) const;

  const std::string mailbox_, path_;
  const Owner& owner_;
  UniqueFd fd_;
  std::int64_t note_bytes_ = 0;  // without the size
};

// Waits for the lock of fcntl(2) on the open file, as others take it.
Result<> lock_mailbox(int fd, const std::string& path, std::int64_t until_ms);

}  // namespace waxwing::channels
