// The names of queue files follow the attempts that were made: ZZ, ZY .. A rename may wait for room in the journal, and
// for the disk where names keep no order, so workers do it, in the order asked for and a few at a time; the schedule
// gives nothing of such a file out until it is done.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "common/net/loop.h"
#include "common/net/workers.h"
#include "mta/queue/queue.h"

namespace waxwing::job_controller {

// For one loop.
class Renames {
 public:
  // renamed: called on the loop with the name each file has then; the old one where it could not be renamed.
  Renames(EventLoop& loop, WorkerPool& workers, std::shared_ptr<const mta::queue::Queue> queue,
          std::function<void(const mta::queue::FileName&)> renamed);
  void add(const mta::queue::FileName& name, unsigned attempts);
  // Until some more of them are done. Only while there are any.
  Task<void> progress();

 private:
  using Wanted = std::vector<std::pair<mta::queue::FileName, unsigned>>;
  Task<void> work_off();
  Wanted next();

  WorkerPool& workers_;
  std::shared_ptr<const mta::queue::Queue> queue_;
  std::function<void(const mta::queue::FileName&)> renamed_;
  std::deque<Wanted::value_type> wanted_;
  Signal progress_;
  bool working_ = false;
};

}  // namespace waxwing::job_controller
