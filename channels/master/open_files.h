// OpenFiles: the queue files that a channel program has units of, each opened, decoded and compared with its checksum
// once, however many hosts it is for: a slice of a list may have thousands of them.
//
// A file stays open while a unit works on it, and the last ones used also while units of theirs only wait. Somebody may
// hold or rename a file meanwhile: a unit that begins gets the one that bears the name then, or "gone". Loop thread only.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/net/loop.h"
#include "common/net/task.h"
#include "common/net/workers.h"
#include "mta/queue/reader.h"

namespace waxwing::channels {

class OpenFiles {
 public:
  OpenFiles(const mta::queue::Queue& queue, EventLoop& loop, WorkerPool& workers)
      : queue_(queue), loop_(loop), workers_(workers) {}

  // One unit of the file (a relative name) is in hand; it no longer is.
  void expect(const std::string& file);
  void let_go(const std::string& file);

  class Held;
  using Handle = std::shared_ptr<Held>;
  // Errors as of Reader::open(). The handle is for one unit; what share() gives belongs to that unit.
  Result<Handle> open(const mta::queue::FileName& name);
  // The bytes of the message, against the checksum. A power cut may leave a file whose end is on the disk and whose
  // middle is not, and disks forget: neither must reach a reader. What is not small is read on a worker.
  Task<Result<>> verify(Handle file);

  struct Counts {
    std::size_t opened = 0, verified = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  struct InHand {
    std::size_t units = 0;
    std::weak_ptr<Held> file;
  };
  void keep(const Handle& file);

  const mta::queue::Queue& queue_;
  EventLoop& loop_;
  WorkerPool& workers_;
  std::unordered_map<std::string, InHand> in_hand_;
  std::deque<Handle> kept_;  // the last used in front
  Counts counts_;
};

class OpenFiles::Held {
 public:
  Held(mta::queue::Reader reader, EventLoop& loop) : reader_(std::move(reader)), read_(loop) {}
  mta::queue::Reader share() const { return reader_.share(); }
  bool is_at_its_name() const { return reader_.is_at_its_name(); }

 private:
  friend class OpenFiles;
  mta::queue::Reader reader_;
  Signal read_;
  bool reading_ = false;
  std::optional<Result<>> verdict_;
};

}  // namespace waxwing::channels
