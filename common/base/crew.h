// Crew: a few threads that wait for the disk together.
//
// A flush that begins when another is over costs a journal commit or a flush of the disk's cache of its own;
// flushes that wait at the same time share one. So twenty files are synced by several threads at once, not
// one after the other.
//
// each() runs work(0) ... work(count - 1), in any order and some at once, and comes back when all are done.
// The calling thread takes its share; one item is done by it alone. The threads start when they are first
// needed; when the system gives none, those that are there do it all. The first exception of work is thrown
// on when all is done. One call at a time. Failpoint: crew.thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace waxwing {

class Crew {
 public:
  explicit Crew(std::size_t threads) : most_helpers_(threads - 1) {}  // the caller is one of them
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew();

  void each(std::size_t count, const std::function<void(std::size_t)>& work);

 private:
  void help();
  void start_helpers();
  // Does items until none is left. The lock is held before and after.
  void take_items(std::unique_lock<std::mutex>& lock);

  const std::size_t most_helpers_;
  std::mutex mutex_;
  std::condition_variable work_comes_, all_done_;
  const std::function<void(std::size_t)>* work_ = nullptr;
  std::size_t count_ = 0, next_ = 0, done_ = 0;
  std::exception_ptr thrown_;
  bool ending_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace waxwing
