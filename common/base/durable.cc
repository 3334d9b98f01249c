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

#include "common/base/crew.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"

namespace waxwing::durable {

namespace {
constexpr std::size_t kThreads = 8;  // enough for the flushes of a pass to share; more gain little

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

Result<> sync_file(int fd) {
  TRY_VOID(failpoint("durable.sync"));
  if (::fsync(fd) != 0) return std::unexpected(system_error("cannot sync file", errno));
  return {};
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
Batch& Batch::content(int fd, std::string path) {
  contents_.push_back({fd, std::move(path)});
  return *this;
}
Batch& Batch::rename(std::string from, std::string to) {
  moves_.push_back({Move::Kind::rename, std::move(from), std::move(to)});
  return *this;
}
Batch& Batch::link(std::string from, std::string to) {
  moves_.push_back({Move::Kind::link, std::move(from), std::move(to)});
  return *this;
}
Batch& Batch::linked(std::string from, std::string to) {
  moves_.push_back({Move::Kind::linked, std::move(from), std::move(to)});
  return *this;
}
Batch& Batch::range(Range range) {
  ranges_.push_back(std::move(range));
  return *this;
}
Batch& Batch::removed(std::string path) {
  removed_.push_back(std::move(path));
  return *this;
}
Batch& Batch::directory(std::string path) {
  directories_.push_back(std::move(path));
  return *this;
}
bool Batch::empty() const {
  return files_.empty() && contents_.empty() && moves_.empty() && ranges_.empty() && removed_.empty() &&
         directories_.empty();
}

// One thread a process, started with the first batch. It takes everything that waits, runs the three
// steps over all of it, answers, and looks again: the time of one pass is the collecting time of the next.
// Within a step the crew syncs several files at once, so that they share the journal's commits.
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
      sync(jobs, Step::content);
      for (auto& job : jobs)
        if (job.outcome) job.outcome = make_names(job.batch);
      sync(jobs, Step::names);
      for (auto& job : jobs) job.done(std::move(job.outcome));
    }
  }

  static Result<> make_names(const Batch& batch) {
    for (const auto& move : batch.moves_) {
      if (move.kind == Batch::Move::Kind::linked) continue;
      TRY_VOID(failpoint("durable.publish"));
      const bool link = move.kind == Batch::Move::Kind::link;
      const int failed =
          link ? ::link(move.from.c_str(), move.to.c_str()) : ::rename(move.from.c_str(), move.to.c_str());
      if (failed != 0)
        return std::unexpected(
            system_error((link ? "cannot link " : "cannot rename ") + move.from + " to " + move.to, errno));
    }
    return {};
  }

  // One thing to sync and who waits for it.
  struct Sync {
    int fd = -1;  // or, when negative:
    std::string directory;
    std::vector<Job*> waiting;
    Result<> run() const { return fd >= 0 ? sync_file(fd) : sync_directory(directory); }
  };

  // A batch that makes no names here has nothing that its directories must wait for.
  enum class Step { content, names };
  void sync(std::vector<Job>& jobs, Step step) {
    std::vector<Sync> syncs;
    std::map<std::pair<int, std::string>, std::size_t> known;  // each file and directory once a step
    const auto add = [&](Job& job, int fd, const std::string& directory) {
      const auto [at, fresh] = known.try_emplace({fd, directory}, syncs.size());
      if (fresh) syncs.push_back({fd, directory, {}});
      syncs[at->second].waiting.push_back(&job);
    };
    for (auto& job : jobs) {
      if (!job.outcome) continue;
      if (step == Step::content) {
        for (const int fd : job.batch.files_) add(job, fd, {});
        for (const auto& content : job.batch.contents_) add(job, content.fd, {});
        for (const auto& range : job.batch.ranges_) add(job, range.fd, {});
      }
      if ((step == Step::content) != job.batch.moves_.empty()) continue;
      for (const auto& path : job.batch.directories_) add(job, -1, path);
      for (const auto& content : job.batch.contents_) add(job, -1, parent_of(content.path));
      for (const auto& move : job.batch.moves_) add(job, -1, parent_of(move.to));
      for (const auto& path : job.batch.removed_) add(job, -1, parent_of(path));
    }
    std::vector<Result<>> outcomes(syncs.size());
    crew_.each(syncs.size(), [&](std::size_t n) { outcomes[n] = syncs[n].run(); });
    for (std::size_t n = 0; n < syncs.size(); ++n)
      for (auto* job : syncs[n].waiting)
        if (job->outcome) job->outcome = outcomes[n];
  }

  Crew crew_{kThreads};
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

Result<> remove(const std::string& path) {
  TRY_VOID(failpoint("durable.remove"));
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return std::unexpected(system_error("cannot remove " + path, errno));
  return {};
}

Result<> rename(const std::string& from, const std::string& to) {
  TRY_VOID(failpoint("durable.publish"));
  if (::rename(from.c_str(), to.c_str()) != 0)
    return std::unexpected(system_error("cannot rename " + from + " to " + to, errno));
  return {};
}

Result<> settle() {
  return {};
}

Result<> covers(const std::string&) {
  return {};
}

Result<> open_journal(JournalSettings) {
  return {};
}

Counters counters() {
  return Committer::instance().counters();
}

}  // namespace waxwing::durable
