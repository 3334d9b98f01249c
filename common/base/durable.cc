#include "common/base/durable.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "common/base/failpoint.h"
#include "common/base/file.h"

namespace waxwing::durable {

namespace {
std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

Result<> sync_directory(const std::string& path) {
  TRY(const auto fd, open_file(path, O_RDONLY | O_DIRECTORY));
  TRY_VOID(failpoint("durable.syncdir"));
  if (::fsync(fd.get()) != 0) return std::unexpected(system_error("cannot sync directory " + path, errno));
  return {};
}
}  // namespace

Batch& Batch::file(int fd) {
  files_.push_back(fd);
  return *this;
}
Batch& Batch::rename(std::string from, std::string to) {
  moves_.push_back({std::move(from), std::move(to), false});
  return *this;
}
Batch& Batch::link(std::string from, std::string to) {
  moves_.push_back({std::move(from), std::move(to), true});
  return *this;
}
Batch& Batch::directory(std::string path) {
  directories_.push_back(std::move(path));
  return *this;
}

// One thread a process, started with the first batch. It takes everything that waits, runs the three
// steps over all of it, answers, and looks again: the time of one pass is the collecting time of the next.
class Committer {
 public:
  static Committer& instance() {
    static auto* committer = new Committer;  // never destroyed: batches may end during exit
    return *committer;
  }

  void submit(Batch batch, std::function<void(Result<>)> done) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back({std::move(batch), std::move(done), {}});
      if (!started_) {
        started_ = true;
        std::thread([this] { run(); }).detach();
      }
    }
    wake_.notify_one();
  }

  Counters counters() {
    const std::lock_guard lock(mutex_);
    return counters_;
  }

 private:
  struct Job {
    Batch batch;
    std::function<void(Result<>)> done;
    Result<> outcome;
  };

  [[noreturn]] void run() {
    for (;;) {
      std::vector<Job> jobs;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !waiting_.empty(); });
        jobs.swap(waiting_);
        counters_.passes += 1;
        counters_.batches += jobs.size();
      }
      for (auto& job : jobs) start_writeback(job.batch);
      for (auto& job : jobs) job.outcome = sync_files(job.batch);
      for (auto& job : jobs)
        if (job.outcome) job.outcome = make_names(job.batch);
      sync_directories(jobs);
      for (auto& job : jobs) job.done(std::move(job.outcome));
    }
  }

  // Lets the disk work on all files at once before we wait for the first.
  static void start_writeback(const Batch& batch) {
    for (const int fd : batch.files_) ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  }

  static Result<> sync_files(const Batch& batch) {
    for (const int fd : batch.files_) {
      TRY_VOID(failpoint("durable.sync"));
      if (::fsync(fd) != 0) return std::unexpected(system_error("cannot sync file", errno));
    }
    return {};
  }

  static Result<> make_names(const Batch& batch) {
    for (const auto& move : batch.moves_) {
      TRY_VOID(failpoint("durable.publish"));
      const int failed = move.link ? ::link(move.from.c_str(), move.to.c_str())
                                   : ::rename(move.from.c_str(), move.to.c_str());
      if (failed != 0)
        return std::unexpected(system_error(
            (move.link ? "cannot link " : "cannot rename ") + move.from + " to " + move.to, errno));
    }
    return {};
  }

  static void sync_directories(std::vector<Job>& jobs) {
    std::map<std::string, Result<>> synced;  // each directory once a pass
    const auto sync = [&](Job& job, const std::string& path) {
      if (!job.outcome) return;
      auto at = synced.find(path);
      if (at == synced.end()) at = synced.emplace(path, sync_directory(path)).first;
      if (!at->second) job.outcome = at->second;
    };
    for (auto& job : jobs) {
      for (const auto& path : job.batch.directories_) sync(job, path);
      for (const auto& move : job.batch.moves_) sync(job, parent_of(move.to));
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> waiting_;
  Counters counters_;
  bool started_ = false;
};

Result<> commit(Batch batch) {
  if (batch.empty()) return {};
  std::promise<Result<>> promise;
  auto answer = promise.get_future();
  commit_async(std::move(batch), [&](Result<> outcome) { promise.set_value(std::move(outcome)); });
  return answer.get();
}

void commit_async(Batch batch, std::function<void(Result<>)> done) {
  Committer::instance().submit(std::move(batch), std::move(done));
}

Counters counters() {
  return Committer::instance().counters();
}

}  // namespace waxwing::durable
