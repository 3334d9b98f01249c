// metermaid.* of msg.conf as tables.
#pragma once

#include <map>
#include <string>

#include "common/config/config.h"
#include "metermaid/table.h"

namespace waxwing::metermaid {

// By name, in lower case: those that metermaid.table.* declares, and the two that the MTA asks of itself, "surge"
// (metermaid.surge.*: senders who send far more than usual) and "greylist" (the channel keyword grey; what
// metermaid.table.greylist.* says holds for it). Permanent error for a type or option word that there is not.
Result<std::map<std::string, TableRules>> table_rules(const Config& config);

}  // namespace waxwing::metermaid
