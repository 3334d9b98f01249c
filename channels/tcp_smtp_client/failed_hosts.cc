#include "channels/tcp_smtp_client/failed_hosts.h"

#include <algorithm>

namespace waxwing::channels::smtp {

namespace {
constexpr std::int64_t kRememberedMs = 10 * 60 * 1000;
constexpr std::size_t kMostHosts = 10000;
}  // namespace

void FailedHosts::failed(const std::string& address, std::int64_t now_ms) {
  if (until_ms_.size() >= kMostHosts)
    std::erase_if(until_ms_, [&](const auto& each) { return each.second <= now_ms; });
  if (until_ms_.size() >= kMostHosts) until_ms_.clear();
  until_ms_[address] = now_ms + kRememberedMs;
}

void FailedHosts::put_last(std::vector<mta::Target>& targets, std::int64_t now_ms) const {
  std::ranges::stable_partition(targets, [&](const mta::Target& target) {
    const auto found = until_ms_.find(target.address);
    return found == until_ms_.end() || found->second <= now_ms;
  });
}

}  // namespace waxwing::channels::smtp
