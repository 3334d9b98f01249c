// Who the MTA is when it writes itself: RETURN_ADDRESS, RETURN_ENVELOPE and the keywords that say otherwise
// for a channel.
#pragma once

#include <string>

#include "mta/config/mta_config.h"

namespace waxwing::mta {

// From: of notices, and whom copies go to. channel may be null.
std::string postmaster_of(const MtaConfig& config, const Channel* channel);

// returnenvelope and RETURN_ENVELOPE, as a bit mask. RFC 5321 §4.5.5 wants neither; some gateways cannot do
// without.
struct ReturnEnvelope {
  bool notices = false;  // 1: a notice goes out with the postmaster as envelope From
  bool all = false;      // 2: so does every other message whose envelope From is empty
};
ReturnEnvelope return_envelope(const MtaConfig& config, const Channel* channel);

}  // namespace waxwing::mta
