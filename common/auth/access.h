// Service access: may this user use this service from this address?
//
// mailAllowedServiceAccess and mailDomainAllowedServiceAccess hold filters joined by "$":
//   +imap,pop,http:*$-smtp:.example.com EXCEPT mail.example.com
// A filter is + (allow, the default) or - (deny), a list of services, ":", a list of clients. Services:
// imap pop smtp http, the same with an s (over TLS only), ALL or *. Clients: numeric addresses, address
// prefixes that end in a dot (192.168.), nets (10.0.0.0/8, 2001:db8::/32, 10.0.0.0/255.0.0.0), host names,
// .domain, globs with * and ?, ALL, LOCAL (loopback or a name without dots), KNOWN, UNKNOWN (has a host
// name or not). "EXCEPT" takes away from the list before it. Filters are tried in order and the first that
// matches decides; when none does, access is granted unless there are only allow filters.
#pragma once

#include <string>
#include <string_view>

#include "common/auth/authenticator.h"

namespace waxwing::auth {

// Permanent error (a text for the log) when the filters deny or do not parse: a filter nobody understands
// lets nobody in.
Result<> check_filters(std::string_view filters, const Peer& peer);

// 127.0.0.0/8, ::1, the mapped form of these, and "" (a Unix socket).
bool is_loopback(std::string_view address);

// Status of domain and user, then the domain's and the user's filters. failure.reason: status or access.
struct AccessVerdict {
  bool allowed = true;
  Failure failure;
};
AccessVerdict check_access(const directory::User& user, const Peer& peer);

}  // namespace waxwing::auth
