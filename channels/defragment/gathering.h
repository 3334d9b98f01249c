// Which pieces of which messages are here. A picture of the channel's queue, in memory; can be thrown away and made
// again from it. Pure: callers say what time it is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "channels/defragment/piece.h"
#include "mta/queue/queue.h"

namespace waxwing::channels {

struct GatheringLimits {
  std::size_t pieces = 10'000;          // of all messages
  unsigned pieces_of_a_message = 1000;  // more are never waited for
};

// The pieces of one message.
struct PieceSet {
  std::string id;
  unsigned total = 0;                               // 0: not known yet
  std::map<unsigned, mta::queue::FileName> pieces;  // by number
  std::unordered_set<std::string> files;            // FileName::key() of these, and of copies of them
  std::int64_t first_arrival_ms = 0;
  bool called = false;   // its other pieces were asked for
  std::string given_up;  // not empty: why its pieces go on as they are

  bool whole() const { return total != 0 && pieces.size() == total && given_up.empty(); }
};

class Gathering {
 public:
  explicit Gathering(GatheringLimits limits) : limits_(limits) {}

  enum class Added {
    waits,   // it is in the set, or was
    copy,    // another file has its number: the caller looks whether they are the same
    refused  // there is no room for it, or for so many
  };
  // set is valid until it is forgotten; null when refused. A total that changes, or a number beyond it, gives
  // the set up.
  Added add(const std::string& key, const Piece& piece, const mta::queue::FileName& file,
            std::int64_t arrival_ms, PieceSet*& set);
  PieceSet* find(const std::string& key);
  // The piece has gone on; the set goes with its last one.
  void forget(const std::string& key, const mta::queue::FileName& file);
  void drop(const std::string& key);  // the whole set
  bool is_full() const { return pieces_ >= limits_.pieces; }
  // Its file is not there any more: the set lacks it again.
  void lose(PieceSet& set, unsigned number);

  std::size_t pieces() const { return pieces_; }
  std::size_t sets() const { return sets_.size(); }

 private:
  GatheringLimits limits_;
  std::unordered_map<std::string, PieceSet> sets_;
  std::size_t pieces_ = 0;  // files of all sets
};

}  // namespace waxwing::channels
