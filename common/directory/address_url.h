// LDAP URLs with $ sequences that stand for an address: ALIAS_URL0..3, DOMAIN_MATCH_URL and REVERSE_URL of option.dat.
//
//   $A address  $U its local part  $L the same without subaddress  $S subaddress  $D domain  $nH n-th label of it
//   $B root of users  $C root of the DC tree  $V base DN of the domain  $1V the same, or the root of users
//   $R filter: one of the attributes that hold addresses is this one  $Q those that reversal looks at
//   $K filter: the entry is one that takes mail  $N attributes that reversal wants  $$ $% $@ themselves
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/directory/attribute_names.h"

namespace waxwing::directory {

struct AddressUrlValues {
  std::string_view address, local_part, domain;
  std::string_view base_dn;  // of the domain; empty: there is none
  std::string_view user_root, dc_root;
  std::string_view schema_tags = "ims50";
  std::vector<std::string> wanted;  // addresses that $R and $Q look for
};

// What goes into a URL so that it is read again as it is.
std::string quote_for_url(std::string_view text);

// Nothing: the URL is about a domain's base DN, and there is none. Permanent error: a sequence that is not there.
Result<std::optional<std::string>> fill_address_url(std::string_view url, const AddressUrlValues& values,
                                                    const AttributeNames& names);

}  // namespace waxwing::directory
