// The mailbox list made anew from the partitions, when its database was lost.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "store/engine/open_mailboxes.h"
#include "store/stored/list_db.h"
#include "store/stored/list_salvage.h"

namespace waxwing::store {

struct ListRebuildReport {
  std::size_t mailboxes = 0;
  std::size_t renamed = 0;   // two had one name: the second is called after its id as well
  std::size_t left_out = 0;  // directories that are no mailboxes of their user; each has an event
  std::size_t subscriptions = 0;
};

// Does a mailbox lie in one of the partitions? Then a list that is empty has been lost. Looks no further than the
// first that it finds. An error where the disk does not let it look.
Result<bool> have_mailboxes(const std::map<std::string, std::string>& partitions);

// Fills an empty list. Mailboxes whose index is damaged are rebuilt. Blocks as long as the partitions are large.
// A mailbox that the disk does not let it read ends it: a list without that one would be taken for whole.
Result<ListRebuildReport> rebuild_list(ListDb& db, OpenMailboxes& mailboxes,
                                       const std::map<std::string, std::string>& partitions,
                                       const SalvagedList& salvaged);

}  // namespace waxwing::store
