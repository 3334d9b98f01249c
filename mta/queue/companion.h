// What becomes durable in the very commit that publishes a message, beside its files.
#pragma once

#include <string>
#include <vector>

#include "common/base/durable.h"
#include "common/base/result.h"
#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

class Companion {
 public:
  struct File {
    FileName name;          // that it will have
    std::string temporary;  // the path where it lies, whole, until then
  };
  virtual ~Companion() = default;
  // Puts what it has into the batch; its names are made before those of the message. Blocks.
  virtual Result<> join(durable::Batch& batch, const std::vector<File>& files) = 0;
  // The commit has failed: what join() put there goes, before the files of the message do. On an error it may be there
  // for good, and then they stay too. Blocks.
  virtual Result<> take_back() = 0;
  // The commit has succeeded.
  virtual void stands() = 0;
};

}  // namespace waxwing::mta::queue
