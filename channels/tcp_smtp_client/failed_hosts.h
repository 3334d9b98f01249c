// Addresses that did not answer lately: of several hosts of a domain they are tried last (cachefailures).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mta/transport/route.h"

namespace waxwing::channels::smtp {

// Times are milliseconds of the monotonic clock.
class FailedHosts {
 public:
  void failed(const std::string& address, std::int64_t now_ms);
  void answered(const std::string& address) { until_ms_.erase(address); }
  // Keeps the order of those that are well, and of those that are not.
  void put_last(std::vector<mta::Target>& targets, std::int64_t now_ms) const;

 private:
  std::map<std::string, std::int64_t> until_ms_;
};

}  // namespace waxwing::channels::smtp
