#include "mta/policy/routines.h"

#include "mta/policy/detail/meter_routines.h"

namespace waxwing::mta {

void add_policy_routines() {
  add_meter_routines();
}

}  // namespace waxwing::mta
