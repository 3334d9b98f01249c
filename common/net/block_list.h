// Lists of hosts that are not let in, as published in the DNS (RFC 5782): DNS_VERIFY_DOMAIN of
// dispatcher.cnf(5).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/dns.h"

namespace waxwing {

struct Listing {
  std::string zone;
  std::string text;  // what the zone says about it, printable; may be empty
};

// The first zone that lists the address. A zone that cannot be asked lists nobody: a name server that is down
// must not keep all mail out.
Task<std::optional<Listing>> find_listing(Resolver& resolver, const std::vector<std::string>& zones,
                                          std::string address);

// Whether the answer to a question for A records says "listed", and what the zone's TXT record says of it: printable,
// at most 200 bytes; "" when there is none.
bool is_listing(const DnsAnswer& addresses);
std::string listing_text(const DnsAnswer& texts);

// Whether the rdata of an A record says "listed": 127.0.0.0/8, but for 127.255.255.0/24, by which lists say
// that they do not answer us. A zone that has ended often answers everything with some web server's address.
bool says_listed(std::string_view rdata);

}  // namespace waxwing
