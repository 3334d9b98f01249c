// Who commits. Two lanes a process, each taking everything that waits for it in one pass; the time of one pass
// is the collecting time of the next. The lane of the journal makes names, appends and waits for one
// fdatasync; the lane straight to disk is another, so that a large message or a new directory does not hold
// up the small ones.
//
// A pass is done by one thread at a time: by a caller that finds nobody at it (to wake a thread and be woken
// by it costs as much as the rest of a small commit), else by the lane's own thread, started when first needed.
// A pass that throws (no memory, no thread) fails its jobs with a temporary error, and the next one goes on.
// While the system gives the lane no thread of its own, whoever is at it goes on as long as somebody waits.
// Failpoint: durable.thread.
//
// Whoever ends a pass steps down before it answers, and wakes the lane's thread when more has come: so what
// happens in an answer never keeps a commit from being done.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "common/base/durable_batch.h"
#include "common/base/journal.h"

namespace waxwing::durable {

class Lane {
 public:
  using Pass = void (*)(std::vector<Job>& jobs, Crew& crew);
  explicit Lane(Pass pass) : pass_(pass) {}
  // Never waits; another thread does the pass. When there is none to be had the job fails, and is answered here.
  void submit(Job job);
  // Waits until it is durable.
  Result<> commit(Batch batch);
  // Does a pass when nobody is at it, and answers; else as submit(). See durable::commit_here().
  void serve(Job job);
  Counters counters();

 private:
  enum class Answers { all, those_that_do_not_block };
  [[noreturn]] void run();
  // Puts the job with those that wait; true: nobody is at it, and now the caller is.
  bool step_in(Job job);
  // A pass, by who is at it; steps down.
  std::vector<Job> pass(std::unique_lock<std::mutex>& lock);
  void serve_now(Answers which);
  // False: there is none, and none can be made.
  bool wake_own_thread();
  // Somebody waits, nobody is at it, and now the caller is.
  bool step_in_again();
  static void answer(std::vector<Job> jobs, Answers which);

  const Pass pass_;
  Crew crew_{8};  // enough for the flushes of a pass to share; more gain little
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> waiting_;
  Counters counters_;
  bool started_ = false;  // the own thread
  bool busy_ = false;     // somebody is at it
};

// The journal of this process, or null; never destroyed.
Journal* the_journal();

}  // namespace waxwing::durable
