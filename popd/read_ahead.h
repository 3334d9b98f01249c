// Small messages that a client which retrieves one after the other will ask for next: read together in one
// trip to a worker, since the trip costs more than the reading. Who asks for one message gets one message
// read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace waxwing::pop {

class ReadAhead {
 public:
  static constexpr std::size_t kMostBytes = 32 << 10;  // what a session may hold that way
  static constexpr std::uint32_t kMostMessages = 16;

  // The bytes of that message, when they are here; what was read for numbers before it is forgotten.
  std::optional<std::string> take(std::uint32_t number) {
    while (!messages_.empty() && messages_.front().first < number) messages_.pop_front();
    depth_ = number == expected_ ? std::min(2 * depth_, kMostMessages) : 1;
    expected_ = number + 1;
    if (messages_.empty() || messages_.front().first != number) return std::nullopt;
    auto bytes = std::move(messages_.front().second);
    messages_.pop_front();
    return bytes;
  }

  // To be filled with the messages behind the one that take() did not have, in order, as long as wants() is
  // true. On a worker, while the session waits.
  void begin() {
    messages_.clear();
    bytes_ = 0;
  }
  bool wants(std::uint64_t size_bytes) const {
    return messages_.size() + 1 < depth_ && bytes_ + size_bytes <= kMostBytes;
  }
  void add(std::uint32_t number, std::string bytes) {
    bytes_ += bytes.size();
    messages_.emplace_back(number, std::move(bytes));
  }

 private:
  std::uint32_t expected_ = 1;  // the number that would go on in turn
  std::uint32_t depth_ = 1;     // doubles with each message in turn
  std::size_t bytes_ = 0;
  std::deque<std::pair<std::uint32_t, std::string>> messages_;
};

}  // namespace waxwing::pop
