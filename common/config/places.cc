#include "common/config/places.h"

namespace waxwing {

std::map<std::string, std::string> partition_directories(const Config& config) {
  std::map<std::string, std::string> paths;
  for (const auto& [nick, path] : config.starred("store.partition.*.path"))
    paths[nick] = config.path_of(path);
  if (!paths.contains("primary")) paths["primary"] = config.path_of("store/partition/primary");
  return paths;
}

}  // namespace waxwing
