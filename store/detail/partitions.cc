#include "store/detail/partitions.h"

#include "common/config/places.h"

namespace waxwing::store {

std::map<std::string, std::string> partitions_of(const Config& config) {
  return partition_directories(config);
}

}  // namespace waxwing::store
