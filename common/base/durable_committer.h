// Who commits: two threads a process, started when first needed, each taking everything that waits for it.
//
// The time of one pass is the collecting time of the next. The lane of the journal makes names, appends and
// waits for one fdatasync; the lane straight to disk is another thread, so that a large message or a new
// directory does not hold up the small ones.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/durable_batch.h"
#include "common/base/journal.h"

namespace waxwing::durable {

class Lane {
 public:
  using Pass = void (*)(std::vector<Job>& jobs, Crew& crew);
  explicit Lane(Pass pass) : pass_(pass) {}
  void submit(Batch batch, std::function<void(Result<>)> done);
  Counters counters();

 private:
  [[noreturn]] void run();

  const Pass pass_;
  Crew crew_{8};  // enough for the flushes of a pass to share; more gain little
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> waiting_;
  Counters counters_;
  bool started_ = false;
};

// The journal of this process, or null; never destroyed.
Journal* the_journal();

}  // namespace waxwing::durable
