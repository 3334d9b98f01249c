// Partitions by nick, from store.partition.*.path.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/result.h"
#include "common/config/config.h"

namespace waxwing::store {

// Absolute paths; `primary` is always there.
std::map<std::string, std::string> partitions_of(const Config& config);

// The directory `=user` below a partition's path is made once, by stored, while the list has no mailbox
// there. Without it the partition is away: its file system is not mounted. What is asked of its mailboxes is
// then a temporary error, and nothing is made below the mount point.
Result<> check_present(const std::string& partition_path);

// Where drafts lie that did not stay in memory: files of create_spread_file() (common/base/spread.h).
inline std::string drafts_of(const std::string& partition_path) {
  return partition_path + "/tmp";
}
// Removes those that a killed process left: nobody has written to them for that long.
void tidy_drafts(const std::string& partition_path, std::int64_t older_than_seconds);

}  // namespace waxwing::store
