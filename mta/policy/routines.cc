#include "mta/policy/routines.h"

#include "mta/policy/detail/routines.h"

namespace waxwing::mta {

void add_policy_routines() {
  add_meter_routines();
  add_dns_routines();
}

}  // namespace waxwing::mta
