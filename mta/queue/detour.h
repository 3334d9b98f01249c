// A stop on the way: a message that first goes through a channel that works on it (defragment, conversion)
// remembers in each recipient's flags where it was going. It goes on there without being resolved again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace waxwing::mta::queue {

struct Detour {
  std::string channel, host;  // where the recipient goes on to: Envelope::channel and Recipient::host there
  std::string from;           // the channel it came to this host by; may be empty
  std::string tags;           // conversion tags, separated by commas; may be empty
  bool convert = false;       // its parts are to go through the file conversions
  bool service = false;       // the whole message through its service commands
  bool no_vacation = false;   // no automatic replies there
  bool operator==(const Detour&) const = default;
};

// "to=ims-ms host=ims-ms-daemon from=tcp_local tag=a,b convert service novacation"
std::string encode_detour(const Detour& detour);
// Nothing for flags that tell of none.
std::optional<Detour> parse_detour(std::string_view flags);

}  // namespace waxwing::mta::queue
