// How many notifications one address gets in an hour from this process: somebody whose name a flood of messages bears
// must not drown in what became of them. No clock of its own; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace waxwing::mta::notify {

class StormGate {
 public:
  // most_an_hour 0: no limit.
  explicit StormGate(std::int64_t most_an_hour) : most_(most_an_hour) {}
  // Counts one. The first that is refused is logged, as one about the message of that queue id.
  bool may_send(const std::string& address, std::int64_t now_ms, const std::string& queue_id);

 private:
  struct Hour {
    std::int64_t begun_ms = 0;
    std::int64_t count = 0;
  };
  std::int64_t most_;
  std::unordered_map<std::string, Hour> hours_;
};

}  // namespace waxwing::mta::notify
