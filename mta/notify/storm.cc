#include "mta/notify/storm.h"

#include "common/log/log.h"

namespace waxwing::mta::notify {

namespace {
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::size_t kMostAddresses = 10'000;
}  // namespace

bool StormGate::may_send(const std::string& address, std::int64_t now_ms, const std::string& queue_id) {
  if (most_ <= 0) return true;
  if (hours_.size() >= kMostAddresses && !hours_.contains(address))
    std::erase_if(hours_, [&](const auto& each) { return now_ms - each.second.begun_ms >= kHourMs; });
  // So many within an hour: whoever is not counted yet is not the one.
  if (hours_.size() >= kMostAddresses && !hours_.contains(address)) return true;
  auto& hour = hours_[address];
  if (now_ms - hour.begun_ms >= kHourMs || now_ms < hour.begun_ms) hour = {now_ms, 0};
  if (++hour.count == most_ + 1)
    log::Event("notify.storm")
        .with("qid", queue_id)
        .with("to", address)
        .with("why", "NOTICES_PER_HOUR is reached: no more for the rest of the hour")
        .warning();
  return hour.count <= most_;
}

}  // namespace waxwing::mta::notify
