// The mailbox list against what lies in the partitions: reconstruct -m.
#pragma once

#include <functional>
#include <string>

#include "store/store.h"

namespace waxwing::store {

struct ListCheckOptions {
  bool check_only = false;
  std::string partition;  // nick; empty: all
  std::string user;       // empty: all
};
struct ListCheckReport {
  std::size_t right = 0;      // rows that have their files
  std::size_t adopted = 0;    // mailboxes that the list did not have
  std::size_t forgotten = 0;  // rows without files
  std::size_t problems = 0;   // directories that cannot be adopted
};
// note: one line for each difference. stored must be running. Blocks.
Result<ListCheckReport> check_list(Store& store, const ListCheckOptions& options,
                                   const std::function<void(const std::string&)>& note);

}  // namespace waxwing::store
