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
// The channels that CONVERSIONS names for what goes where the destinations go: asked once for each channel and its
// tags. Errors of mappings and directory go through; a channel that is not there is a temporary one.
Result<> ask_conversions(const Lookup& lookup, Submission::Inner& inner);
// The conversion tags of a recipient, separated by commas: its own, those of the message and of both channels.
std::string tags_of(const Submission::Inner& inner, const Recipient& recipient, const AccessVerdict& access);
// Nothing: straight there. The recipient's channel is the one it is for, alternatechannel applied.
std::optional<Stop> stop_before(const Submission::Inner& inner, const Destination& destination);

}  // namespace waxwing::mta
