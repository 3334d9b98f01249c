// What of a channel's queue has gone on already although its file may still be there: ROOT/bsmtp/<key>, a small file for
// each, "waxwing taken 1 QUEUE-ID", a line for each recipient, and "end". It becomes durable in the very commit that
// puts into the queue what was made of the message: a program that dies in between leaves both or neither, and the
// message goes on once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/result.h"
#include "mta/queue/queue.h"

namespace waxwing::channels {

class TakenMark;

// Thread-safe; two programs may use one folder. Everything here touches files: for a worker.
class Taken {
 public:
  explicit Taken(std::string folder) : folder_(std::move(folder)) {}
  struct Record {
    std::string queue_id;
    std::vector<std::size_t> recipients;  // indexes
  };
  // Nothing: it has not gone on. A damaged mark is logged, and an error.
  Result<std::optional<Record>> of(const mta::queue::FileName& file) const;
  // A mark that is durable once what it puts into a batch is.
  Result<TakenMark> prepare(const mta::queue::FileName& file, const std::string& queue_id,
                            const std::vector<std::size_t>& recipients) const;
  // Marks of files that have left the queue go, and drafts of programs that died.
  Result<> clean(const mta::queue::Queue& queue, const std::string& channel) const;

 private:
  std::string path_of(const mta::queue::FileName& file) const;
  std::string folder_;
};

class TakenMark {
 public:
  TakenMark(UniqueFd fd, std::string draft, std::string path)
      : fd_(std::move(fd)), draft_(std::move(draft)), path_(std::move(path)) {}
  TakenMark(TakenMark&& other) noexcept;
  TakenMark& operator=(TakenMark&&) = delete;
  ~TakenMark();  // without add_to(): the draft goes
  Result<> write(std::string_view text);
  // This stays until the batch is committed.
  void add_to(durable::Batch& batch);
  // The commit has failed: names that it has made go again. Blocks.
  void take_back();

 private:
  UniqueFd fd_;
  std::string draft_, path_;
  bool given_ = false;
};

}  // namespace waxwing::channels
