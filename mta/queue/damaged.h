// Files of the queue that nobody delivers because they cannot be read: for operators, who would else have to find the line
// in a log. Blocks; changes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "mta/queue/envelope.h"
#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

struct DamagedFile {
  enum class State {
    aside,       // in queue/.damaged
    unreadable,  // a file, or a folder, where it belongs: each look at the tree tries it again
    strange,     // its name is none of a queue file, so nobody looks at it
  };
  State state = State::unreadable;
  std::string path;
  std::string channel;      // empty when nothing tells
  std::string home;         // "tcp_local/042/ZZ01J….00": where it was, or is; empty when nothing tells
  std::uint64_t bytes = 0;  // 0 when the disk does not tell
  std::int64_t since = 0;  // seconds: set aside; else when the message came, or the file was made. 0: unknown
  std::string why;         // empty for what is set aside and can be read now
  std::optional<Envelope> envelope;  // when that much of it can be read
};

// Of one channel, or of all when it is empty, those set aside first. Opens each queue file; the messages themselves are
// compared with their checksums only where that is asked for. Error: the queue's own folder cannot be read.
Result<> find_damaged(const Queue& queue, const std::string& channel, bool messages_too,
                      const std::function<void(const DamagedFile&)>& found);

// How many are set aside. Cheap.
Result<std::size_t> count_set_aside(const Queue& queue);

}  // namespace waxwing::mta::queue
