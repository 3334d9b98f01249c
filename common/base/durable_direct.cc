// The way straight to disk: names are made, files and directories are synced by a crew.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>

#include "common/base/durable_committer.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/journal_order.h"
#include "common/base/path.h"

namespace waxwing::durable {

namespace {
Result<> sync_file(int fd) {
  TRY_VOID(failpoint("durable.sync"));
  if (::fsync(fd) != 0) return std::unexpected(system_error("cannot sync file", errno));
  return {};
}

// One thing to sync and who waits for it.
struct Sync {
  int fd = -1;  // or, when negative:
  std::string directory;
  std::vector<Job*> waiting;
  Result<> run() const { return fd >= 0 ? sync_file(fd) : sync_directory(directory); }
};

class Syncs {
 public:
  void add(Job& job, int fd, const std::string& directory = {}) {
    const auto [at, fresh] = known_.try_emplace({fd, directory}, syncs_.size());
    if (fresh) syncs_.push_back({fd, directory, {}});
    syncs_[at->second].waiting.push_back(&job);
  }
  void add_directories(Job& job, const BatchParts& parts) {
    for (const auto& content : parts.contents) add(job, -1, parent_directory(content.path));
    for (const auto& move : parts.moves) add(job, -1, parent_directory(move.to));
    for (const auto& path : parts.removed) add(job, -1, parent_directory(path));
  }
  void run(Crew& crew) {
    std::vector<Result<>> outcomes(syncs_.size());
    crew.each(syncs_.size(), [&](std::size_t n) { outcomes[n] = syncs_[n].run(); });
    for (std::size_t n = 0; n < syncs_.size(); ++n)
      for (auto* job : syncs_[n].waiting)
        if (job->outcome) job->outcome = outcomes[n];
  }
  bool empty() const { return syncs_.empty(); }

 private:
  std::vector<Sync> syncs_;
  std::map<std::pair<int, std::string>, std::size_t> known_;
};
}  // namespace

Result<> make_names(const Batch& batch) {
  using Kind = BatchParts::Move::Kind;
  for (const auto& move : BatchParts(batch).moves) {
    if (move.kind == Kind::linked) continue;
    TRY_VOID(failpoint("durable.publish"));
    if (move.kind == Kind::rename && is_content(BatchParts(batch), move.to)) {
      // Half of it is as good as none: nothing was promised of the temporary name.
      TRY_VOID(rename_at_once(move.from, move.to));
    } else if (move.kind == Kind::rename) {
      TRY_VOID(rename_safely(the_journal(), move.from, move.to));
    } else if (::link(move.from.c_str(), move.to.c_str()) != 0) {
      return std::unexpected(system_error("cannot link " + move.from + " to " + move.to, errno));
    }
  }
  return {};
}

void sync_jobs(std::vector<Job>& jobs, Step step, Crew& crew) {
  Syncs syncs;
  for (auto& job : jobs) {
    if (!job.outcome) continue;
    const BatchParts parts(job.batch);
    if (step == Step::content) {
      for (const int fd : parts.files) syncs.add(job, fd);
      for (const auto& content : parts.contents) syncs.add(job, content.fd);
      for (const auto& range : parts.ranges) syncs.add(job, range.fd);
    }
    if (step != Step::asked && (step == Step::content) != parts.moves.empty()) continue;
    for (const auto& path : parts.directories) syncs.add(job, -1, path);
    if (step != Step::asked) syncs.add_directories(job, parts);
  }
  if (!syncs.empty()) syncs.run(crew);
}

}  // namespace waxwing::durable
