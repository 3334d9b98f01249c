// What the channels of an instance have done, counted by every process of the MTA: imsimta counters shows it.
//
// run/counters is memory with a name, mapped by all of them and never synced: 64 bytes of header, then kSlots slots
// of kSlotBytes, one for each channel that was ever counted. Every number changes by one atomic addition, so a
// process may die at any moment and leaves nothing to mend. The file may be removed: the next process that counts,
// or those that still do, within a second, make it anew. One that somebody cuts short costs its counts, no
// process. Nothing is promised: where the file cannot be made, nothing is counted and mail goes on.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace waxwing::mta::counters {

// Numbers are appended, never moved: processes of two versions may share the file.
enum class Count : unsigned {
  received_messages,  // put into the channel's queue
  received_recipients,
  received_blocks,     // of BLOCK_SIZE bytes
  submitted_messages,  // by the channel, to whatever channels
  submitted_recipients,
  submitted_blocks,
  delivered_messages,  // taken out of the queue and done; once for each host
  delivered_recipients,
  delivered_blocks,
  delivered_first,     // of delivered_messages: at the first attempt
  attempted_messages,  // attempts that failed for now
  attempted_recipients,
  attempted_blocks,
  rejected_recipients,  // refused when the channel wanted to submit
  failed_messages,      // given up
  failed_recipients,
  failed_blocks,
  queue_seconds,        // from arrival to delivery, of all that were delivered
  queue_first_seconds,  // of those at the first attempt
  in_associations,      // connections
  out_associations,
  out_failures,  // connections that did not come about
  kNumber
};
constexpr std::size_t kCounts = static_cast<std::size_t>(Count::kNumber);
using Additions = std::initializer_list<std::pair<Count, std::uint64_t>>;

// Adds to a channel's counts in the instance root; nothing when root is empty. Takes a lock of this process for a
// moment; thread-safe.
void add(const std::string& root, std::string_view channel, Additions additions);

struct ChannelCounts {
  std::string channel;
  std::array<std::uint64_t, kCounts> counts{};
  std::uint64_t of(Count count) const { return counts[static_cast<std::size_t>(count)]; }
};
struct Snapshot {
  std::int64_t since = 0;               // seconds: made or cleared
  std::uint64_t delivered_today = 0;    // messages, on this host's calendar
  std::vector<ChannelCounts> channels;  // by name
};
// For tools. A temporary error when there are none; permanent when the file is no such file.
Result<Snapshot> read(const std::string& root);
Result<> clear(const std::string& root);   // all to zero; what is counted meanwhile may be lost
Result<> create(const std::string& root);  // nothing to do when they are there
Result<> remove(const std::string& root);

}  // namespace waxwing::mta::counters
