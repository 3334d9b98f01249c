// Where things of an instance lie, for those who must agree on it without knowing each other.
#pragma once

#include <map>
#include <string>

#include "common/config/config.h"

namespace waxwing {

// The store's partitions by nick, absolute, from store.partition.*.path; `primary` is always there.
std::map<std::string, std::string> partition_directories(const Config& config);

}  // namespace waxwing
