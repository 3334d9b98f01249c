// Where a message stops before it goes where it is going.
#pragma once

#include <optional>
#include <string>

#include "mta/form/form.h"
#include "mta/queue/detour.h"
#include "mta/submission/detail/state.h"

namespace waxwing::mta {

struct Stop {
  std::string channel, host;  // of the queue file: the channel that works on the message
  std::string flags;          // of the recipient: where it goes on
};
// They only look where a message goes, or throw it away: it is converted on its way from there, or never.
bool is_passed_by(std::string_view channel);
const std::string& origin_of(const Submission::Inner& inner);
// "IN-CHAN=...;OUT-CHAN=...;CONVERT"; tags: separated by commas, empty: they are not told.
std::string probe_for(const Submission::Inner& inner, const std::string& to, const std::string& tags);

// The channels that CONVERSIONS names for what goes where the destinations go: asked once for each channel and its
// tags. Errors of mappings and directory go through; a channel that is not there is a temporary one.
Result<> ask_conversions(const Lookup& lookup, Submission::Inner& inner);
// What CHARSET-CONVERSION says of what goes where the destinations go, the same way. Errors go through.
Result<> ask_charset_conversion(const Lookup& lookup, Submission::Inner& inner);
// Envelope::reformat of what goes to this destination, by way of the stop.
std::string reformat_for(const Submission::Inner& inner, const Destination& destination,
                         const std::optional<Stop>& stop);
// The form that Envelope::reformat asks for, into form.
void add_reformat(const Submission::Inner& inner, const queue::Envelope& envelope, form::Form& form);
// The conversion tags of a recipient, separated by commas: its own, those of the message and of both channels.
std::string tags_of(const Submission::Inner& inner, const Recipient& recipient, const AccessVerdict& access);
// Nothing: straight there. The recipient's channel is the one it is for, alternatechannel applied.
std::optional<Stop> stop_before(const Submission::Inner& inner, const Destination& destination);

}  // namespace waxwing::mta
