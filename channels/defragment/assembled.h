// What was put together and whose pieces are still in the queue: ROOT/defragment/<key>, a small file for each such
// message, "waxwing assembled 1 QUEUE-ID" and then a line for each piece, FileName::key(). It is durable as soon as
// the whole message is in the queue, and goes when the pieces have gone: a program that dies in between neither
// sends the message twice nor its pieces after it.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/result.h"

namespace waxwing::channels {

// What is in memory belongs to one thread, which must not block; read(), write() and remove() touch files only and are
// for others. A file is looked for on a worker, and what is known of it forgotten here, so that both may go on meanwhile.
class Assembled {
 public:
  explicit Assembled(std::string folder) : folder_(std::move(folder)) {}
  // What a program before this one left: before all else. Blocks. Damaged files are logged and left out.
  Result<> read();
  // Durable when it answers. Blocks.
  Result<> write(const std::string& key, const std::string& queue_id, const std::vector<std::string>& files);
  // Also without write(): it holds for this program's life.
  void note(const std::string& key, const std::string& queue_id, const std::vector<std::string>& files);
  // The queue id of the whole message; empty: the file is no piece of one that is done.
  std::string of(const std::string& file) const;

  // All that of() knows: to see which of them are still in the queue.
  std::vector<std::string> files() const;
  struct Record {
    std::string key, queue_id;
  };
  // These have left the queue. Answers the messages that have no piece there any more.
  std::vector<Record> forget(const std::vector<std::string>& gone);
  // Their files go. Blocks. One that was written anew for another message stays.
  void remove(const std::vector<Record>& records);

 private:
  struct Whole {
    std::string queue_id;
    std::unordered_set<std::string> files;
  };
  std::string folder_;
  std::mutex on_disk_;                                 // held by who writes or removes a file
  std::unordered_map<std::string, std::string> done_;  // piece -> key
  std::unordered_map<std::string, Whole> left_;        // key -> what is told of it
};

}  // namespace waxwing::channels
