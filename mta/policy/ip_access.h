// IP_ACCESS: a last word about each address that a message could go to. mappings(5) tells of probe and flags.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "mta/address/context.h"

namespace waxwing::mta {

struct IpAccess {
  std::string_view channel;  // that delivers
  std::size_t count = 0;     // addresses of the destination
  std::size_t index = 0;     // which of them this is, from 1
  std::string_view address;  // numeric
  std::string_view host;     // whose address it is
};

struct IpVerdict {
  enum class Action { connect, pass_over, refuse };
  Action action = Action::connect;
  std::string address;  // to connect to: the one that was asked about, or that of $A
  std::string text;     // of $N, for the log
};

// Without the table: connect. Errors: those of apply_mapping(); permanent, too, when $A gives no numeric address.
Result<IpVerdict> check_ip_access(const Lookup& lookup, const IpAccess& access);

}  // namespace waxwing::mta
