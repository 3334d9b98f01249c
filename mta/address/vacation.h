// Automatic replies of users: when they are on. What is replied is the autoreply channel's business.
#pragma once

#include <cstdint>

#include "common/directory/types.h"
#include "mta/config/delivery_options.h"

namespace waxwing::mta {

// mailDeliveryOption holds autoreply, there is a text (or the mode is echo, whose notifications need none), and now is between vacationStartDate and vacationEndDate
// (YYYYMMDD[hhmm[ss]][Z], UTC; either may be missing). A date that nobody can read
// is never reached: silence is the safe side.
// dates: the ^ of DELIVERY_OPTIONS.
bool is_vacation_on(const directory::User& user, bool dates, std::int64_t now_seconds);
// The same for the entry as a whole: one of its delivery options is to answer now.
bool answers_now(const directory::User& user, const DeliveryOptions& options, std::int64_t now_seconds);

// Only the dates.
bool is_within_vacation(const directory::User& user, std::int64_t now_seconds);

}  // namespace waxwing::mta
