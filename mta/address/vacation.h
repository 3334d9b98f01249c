// Automatic replies of users: when they are on. What is replied is the autoreply channel's business.
#pragma once

#include <cstdint>

#include "common/directory/types.h"

namespace waxwing::mta {

// mailDeliveryOption holds autoreply, there is a text, and now is between vacationStartDate and vacationEndDate
// (YYYYMMDD[hhmm[ss]][Z], UTC; either may be missing, dates false: they do not count). A date that nobody can read
// is never reached: silence is the safe side.
bool is_vacation_on(const directory::User& user, bool dates, std::int64_t now_seconds);

}  // namespace waxwing::mta
