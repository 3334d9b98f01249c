#include "store/detail/partitions.h"

namespace waxwing::store {

std::map<std::string, std::string> partitions_of(const Config& config) {
  std::map<std::string, std::string> paths;
  for (const auto& [nick, path] : config.starred("store.partition.*.path"))
    paths[nick] = config.path_of(path);
  if (!paths.contains("primary")) paths["primary"] = config.path_of("store/partition/primary");
  return paths;
}

}  // namespace waxwing::store
