// Channel switching: which source channel a session speaks for.
#pragma once

#include <string>
#include <string_view>

#include "mta/address/context.h"

namespace waxwing::mta {

struct SwitchState {
  std::string_view client_ip;  // "" for none
  bool tls = false;
  bool sasl = false;
  std::string_view submit_channel;  // mailSMTPSubmitChannel of the authenticated user, or ""
};

// Begins with the service's default channel (tcp_local, tcp_submit) and applies, each only where the target
// allows it: switchchannel by the client's address (the literal [ip] is rewritten as a backward envelope
// address; the channel that owns the result is the new one: tcp_local -> tcp_intranet), tlsswitchchannel,
// saslswitchchannel, userswitchchannel. Call it again after STARTTLS and AUTH, with the default channel.
// Never null. The error is would-block only.
Result<const Channel*> switch_channel(const Lookup& lookup, const Channel& start, const SwitchState& state);

}  // namespace waxwing::mta
