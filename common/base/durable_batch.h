// For the committer only: what is in a batch, and the way straight to disk.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "common/base/crew.h"
#include "common/base/durable.h"

namespace waxwing::durable {

struct BatchParts {
  using Content = Batch::Content;
  using Move = Batch::Move;
  explicit BatchParts(const Batch& batch)
      : files(batch.files_),
        contents(batch.contents_),
        moves(batch.moves_),
        ranges(batch.ranges_),
        removed(batch.removed_),
        directories(batch.directories_) {}
  const std::vector<int>& files;
  const std::vector<Content>& contents;
  const std::vector<Move>& moves;
  const std::vector<Range>& ranges;
  const std::vector<std::string>& removed;
  const std::vector<std::string>& directories;
};

inline bool is_content(const BatchParts& parts, const std::string& path) {
  return std::ranges::any_of(parts.contents, [&](const auto& content) { return content.path == path; });
}

struct Job {
  Batch batch;
  std::function<void(Result<>)> done;
  Result<> outcome;
  const Blocking* blocking = nullptr;  // done may block: called there, or by who may
};

// Makes the renames and links of a batch, in order.
Result<> make_names(const Batch& batch);

// The steps that sync. Each runs for all jobs that have not failed yet, every file and directory once.
//   content  files, contents and ranges; also the directories of batches that make no names here, which have
//            nothing to wait for
//   names    the directories of batches that make names
//   asked    only directory() of the batches: the journal has the rest
enum class Step { content, names, asked };
void sync_jobs(std::vector<Job>& jobs, Step step, Crew& crew);

}  // namespace waxwing::durable
