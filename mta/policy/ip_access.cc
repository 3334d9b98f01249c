#include "mta/policy/ip_access.h"

#include <fmt/format.h>

#include "common/net/dns.h"
#include "mta/address/mapping.h"

namespace waxwing::mta {

Result<IpVerdict> check_ip_access(const Lookup& lookup, const IpAccess& access) {
  using Action = IpVerdict::Action;
  IpVerdict verdict{Action::connect, std::string(access.address), {}};
  const auto probe =
      fmt::format("{}|{}|{}|{}|{}", access.channel, access.count, access.index, access.address, access.host);
  TRY(auto answer, apply_mapping(lookup, "IP_ACCESS", probe));
  if (!answer.matched) return verdict;
  if (answer.flags.has('N')) {
    verdict.action = Action::refuse;
    verdict.text = std::move(answer.text);
  } else if (answer.flags.has('I')) {
    verdict.action = Action::pass_over;
  } else if (answer.flags.has('A')) {
    if (!is_ip_address(answer.text))
      return permanent(answer.where + ": IP_ACCESS gives " + printable(answer.text, 80) + " for " +
                       std::string(access.address) + ", which is no address");
    verdict.address = std::move(answer.text);
  }
  return verdict;
}

}  // namespace waxwing::mta
