#pragma once

#include "mta/address/site_routine.h"

namespace waxwing::mta {

void add_meter_routines();
void add_dns_routines();

}  // namespace waxwing::mta
