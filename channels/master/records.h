// What settling a unit of work writes into mail.log_current: D, Q, Z, R, W, K; and what it counts.
#pragma once

#include <vector>

#include "channels/master/master.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

// What became of one recipient, beside Work::pending().
struct Settled {
  mta::queue::Status status;
  bool tell = false;      // a notification was due for it
  unsigned attempts = 0;  // this one counted
};
// record_settled() is for a channel that is logged.
void count_settled(Work& work, const mta::MtaConfig& config, const std::vector<Settled>& settled);
void record_settled(Work& work, const mta::MtaConfig& config, const std::vector<Settled>& settled);

}  // namespace waxwing::channels
