// Opening the mailbox list, whatever state it is in.
//
// A list that is damaged is renamed to <directory>.damaged.<time>, and one that is gone while the partitions hold
// mailboxes is taken for lost: both are made anew from the partitions. <directory>.rebuild says that this is under
// way, and holds the path of what was set aside: it is on disk before anything is moved, so that whoever is
// interrupted goes on, and never takes a list that is half filled for a whole one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "store/stored/list_db.h"
#include "store/stored/list_salvage.h"

namespace waxwing::store {

struct OpenedList {
  std::unique_ptr<ListDb> db;
  bool lost = false;  // rebuild_list() must fill it, then rebuild_is_done()
  SalvagedList salvaged;
};

// Temporary error: it can be neither opened nor set aside now, or a partition is away that the new one would lack.
// Blocks.
Result<OpenedList> open_list(const std::string& directory, std::uint64_t cache_bytes,
                             const std::map<std::string, std::string>& partitions);
Result<> rebuild_is_done(const std::string& directory);

}  // namespace waxwing::store
