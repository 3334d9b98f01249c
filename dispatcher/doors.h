// The ways by which connections go to one worker: a door of each of its loops, in turn, or its own socket as long as
// there is none. A door that is closed is left out from then on.
#pragma once

#include <memory>
#include <vector>

#include "common/net/seqpacket.h"

namespace waxwing::dispatcher {

// Main loop only.
class Doors {
 public:
  // otherwise: what the worker is told by; outlives this.
  explicit Doors(PacketSocket& otherwise) : otherwise_(otherwise) {}
  void add(std::unique_ptr<PacketSocket> door) { doors_.push_back(std::move(door)); }
  // By the next way that takes it. Error: none did, and fd is still the caller's.
  Result<> send(const Record& record, const UniqueFd& fd);
  void last(const Record& record);  // through each of them
  void clear() { doors_.clear(); }
  std::size_t size() const { return doors_.size(); }

 private:
  PacketSocket& otherwise_;
  std::vector<std::unique_ptr<PacketSocket>> doors_;
  std::size_t next_ = 0;
};

}  // namespace waxwing::dispatcher
