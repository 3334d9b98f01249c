// Whether an option names an address.
#pragma once

#include <string>

#include "common/auth/access.h"

namespace waxwing::smtpd {

// hosts: addresses, nets and prefixes as in service access filters, with commas; empty: nobody.
inline bool is_listed(const std::string& hosts, const std::string& address) {
  if (hosts.empty()) return false;
  auth::Peer peer;
  peer.service = auth::Service::smtp;
  peer.address = address;
  return auth::check_filters("+smtp:" + hosts, peer).has_value();
}

}  // namespace waxwing::smtpd
