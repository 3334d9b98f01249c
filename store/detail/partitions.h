// Partitions by nick, from store.partition.*.path.
#pragma once

#include <map>
#include <string>

#include "common/config/config.h"

namespace waxwing::store {

// Absolute paths; `primary` is always there.
std::map<std::string, std::string> partitions_of(const Config& config);

}  // namespace waxwing::store
