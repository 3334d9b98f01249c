// What was put together and whose pieces are still in the queue: ROOT/defragment/<key>, a small file for each such
// message, "waxwing assembled 1 QUEUE-ID" and then a line for each piece, FileName::key(). It is durable as soon as
// the whole message is in the queue, and goes when the pieces have gone: a program that dies in between neither
// sends the message twice nor its pieces after it.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"

namespace waxwing::channels {

class Assembled {
 public:
  explicit Assembled(std::string folder) : folder_(std::move(folder)) {}
  // What a program before this one left. Blocks. Damaged files are logged and left out.
  Result<> read();
  // Durable when it answers. Blocks.
  Result<> write(const std::string& key, const std::string& queue_id, const std::vector<std::string>& files);
  // Also without write(): it holds for this program's life.
  void note(const std::string& key, const std::string& queue_id, const std::vector<std::string>& files);
  // The queue id of the whole message; empty: the file is no piece of one that is done.
  std::string of(const std::string& file) const;
  // Removes what is told of messages whose pieces have all gone. still_there: is that piece in the queue?
  void clean(const std::function<bool(const std::string& file)>& still_there);

 private:
  std::string folder_;
  std::unordered_map<std::string, std::string> done_;               // piece -> queue id
  std::unordered_map<std::string, std::vector<std::string>> left_;  // key -> pieces
};

}  // namespace waxwing::channels
