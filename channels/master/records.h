// What settling a unit of work writes into mail.log_current: D, Q, Z, R, W, K.
#pragma once

#include <vector>

#include "channels/master/master.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

// What became of one recipient, beside Work::pending().
struct Settled {
  mta::queue::Status status;
  bool tell = false;  // a notification was due for it
};
// For a channel that is logged.
void record_settled(Work& work, const mta::MtaConfig& config, const std::vector<Settled>& settled);

}  // namespace waxwing::channels
