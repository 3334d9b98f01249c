// What can still be read of a mailbox list that was set aside: for what the partitions do not know.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace waxwing::store {

struct SalvagedList {
  std::map<std::string, std::string> special_uses;                 // mailbox id to \Sent, \Drafts ...
  std::vector<std::pair<std::string, std::string>> subscriptions;  // user, mailbox name
  std::set<std::string> trash;  // partition TAB directory of what was deleted
};

// Reads page by page what is whole, without log or environment: it may be older than what was lost. An error
// when the disk does not let it read on. Blocks.
Result<SalvagedList> salvage_list(const std::string& directory);

}  // namespace waxwing::store
