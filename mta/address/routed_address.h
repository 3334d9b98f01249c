// An address that may carry a source route: "@gate.example,@next.example:user@far.example" (RFC 5321 appendix C).
// Private to mta/address.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/mail/address.h"

namespace waxwing::mta {

struct RoutedAddress {
  std::vector<std::string> route;  // first hop first
  mail::AddrSpec spec;
};

// The route is taken off an SMTP path before it comes here, as RFC 5321 wants it; what operators write into
// aliases, forwards and the command line keeps it. Errors as those of parse_addr_spec.
Result<RoutedAddress> parse_routed_address(std::string_view text);

}  // namespace waxwing::mta
