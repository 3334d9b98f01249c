// The one door to the disk for everything that is promised to somebody.
//
// The crash rule: what was answered with 250 or a tagged OK survives kill -9 and a power cut; what was
// not answered is there whole or not at all. A caller writes its files as it likes, then hands a Batch
// to commit(): when commit answers success the batch is durable, in this order:
//   1. the content of every file() is on disk,
//   2. the renames and links are made, in the order given (a name never shows half a file),
//   3. every directory() and the directories of step 2 are on disk; without step 2 this happens beside
//   step 1.
// Several batches that wait at the same moment share one pass (group commit): within a pass each step
// runs for all of them, so a hundred sessions cost about as many flushes as one.
//
// On failure nothing of the batch is promised; names already made stay and are the caller's to remove.
// Thread-safe. commit() blocks: call it on a worker, or use net::commit_durably() in a coroutine.
// Failpoints: durable.sync, durable.publish, durable.syncdir.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace waxwing::durable {

class Batch {
 public:
  // The descriptor must stay open until the commit has answered. Data and metadata are synced.
  Batch& file(int fd);
  // from and to on the same file system; to must not be relied on before the commit answers.
  Batch& rename(std::string from, std::string to);
  // Hard link; to must not exist.
  Batch& link(std::string from, std::string to);
  // A directory whose entries (creations, removals) must be durable.
  Batch& directory(std::string path);
  bool empty() const { return files_.empty() && moves_.empty() && directories_.empty(); }

 private:
  friend class Committer;
  struct Move {
    std::string from, to;
    bool link = false;
  };
  std::vector<int> files_;
  std::vector<Move> moves_;
  std::vector<std::string> directories_;
};

// Blocks until the batch is durable or has failed.
Result<> commit(Batch batch);

// Answers at once; done is called exactly once, on the committer's own thread, and must not block.
void commit_async(Batch batch, std::function<void(Result<>)> done);

// Number of passes since start, and batches served by them: their ratio is the gain of grouping.
struct Counters {
  std::uint64_t passes = 0;
  std::uint64_t batches = 0;
};
Counters counters();

}  // namespace waxwing::durable
