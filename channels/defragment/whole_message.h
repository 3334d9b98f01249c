// The text of a message whose pieces are all in the queue, read from them one after the other: never more than a
// header and 64 KiB in memory. Blocks: for a worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mta/queue/reader.h"

namespace waxwing::channels {

class WholeMessage {
 public:
  // pieces: by number, from the first. Permanent error: they make no message, or one of more than max_bytes; why.
  static Result<WholeMessage> open(const mta::queue::Queue& queue,
                                   const std::vector<mta::queue::FileName>& pieces, std::uint64_t max_bytes);
  std::uint64_t size_bytes() const { return size_bytes_; }
  // The header first, then the body; "" at the end.
  Result<std::string> next();

 private:
  explicit WholeMessage(const mta::queue::Queue& queue) : queue_(queue) {}
  struct Part {
    mta::queue::FileName file;
    std::uint64_t begin = 0, end = 0;  // of its text, what goes into the message
  };
  Result<> take_first(const mta::queue::Reader& message, const std::string& outer);

  const mta::queue::Queue& queue_;
  std::string header_;
  std::vector<Part> parts_;
  std::size_t at_ = 0;
  std::optional<mta::queue::Reader> open_;
  std::uint64_t size_bytes_ = 0;
};

// By the name it has now. Temporary error: it is gone, or held.
Result<mta::queue::Reader> open_piece(const mta::queue::Queue& queue, const mta::queue::FileName& file);

// Whether two pieces are the same but for the headers around them.
Result<bool> same_text(const mta::queue::Queue& queue, const mta::queue::FileName& one,
                       const mta::queue::FileName& other);

}  // namespace waxwing::channels
