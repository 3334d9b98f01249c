// The addresses that DELIVERY_OPTIONS make: "$M%$\$2I$_+$2S@ims-ms-daemon". option.dat(5) lists the letters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing::mta {

struct DeliveryValues {
  std::string address;        // $A
  std::string local_part;     // $L, without subaddress
  std::string subaddress;     // $S
  std::string domain;         // $D $H
  std::string hosted_domain;  // $I; empty in the default domain
  std::string uid;            // $M
  std::string mailbox;        // $U: uid, or uid with its hosted domain
  std::string base_dn;        // $R $V $C
  std::string user_base_dn;   // $B
  std::string file;           // $F
  std::string program;        // $P
  std::string route;          // $O
};

// Permanent error: a letter that is not there, or a value that the template demands and the entry lacks.
Result<std::string> fill_delivery_template(std::string_view text, const DeliveryValues& values);

}  // namespace waxwing::mta
