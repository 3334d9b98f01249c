// What mailboxes lie in a partition, found by walking its directories: the mailbox list's other truth.
#pragma once

#include <functional>
#include <string>

#include "store/store.h"

namespace waxwing::store {

struct FoundMailbox {
  MailboxEntry entry;    // directory relative to the partition
  std::string problem;   // why it cannot be adopted; empty: it can
  bool damaged = false;  // its index must be rebuilt; the UIDVALIDITY is not known
};
// Blocks for as long as the partition is large. Directories that are no mailboxes are passed over; what the disk
// refuses to show is not, and ends the walk, as does an error of visit.
Result<> walk_partition(const std::string& nick, const std::string& path,
                        const std::function<Result<>(FoundMailbox)>& visit);

}  // namespace waxwing::store
