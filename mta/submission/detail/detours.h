// Where a message stops before it goes where it is going.
#pragma once

#include <optional>
#include <string>

#include "mta/queue/detour.h"
#include "mta/submission/detail/state.h"

namespace waxwing::mta {

struct Stop {
  std::string channel, host;  // of the queue file: the channel that works on the message
  std::string flags;          // of the recipient: where it goes on
};
// Nothing: straight there. recipient.channel is the one it is for, alternatechannel applied.
std::optional<Stop> stop_before(const Submission::Inner& inner, const Recipient& recipient);

}  // namespace waxwing::mta
