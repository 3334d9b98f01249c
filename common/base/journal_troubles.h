// What keeps the commit journal from taking anything just now, for people: seen from outside, by who has not opened it.
#pragma once

#include <string>
#include <vector>

#include "common/base/durable.h"

namespace waxwing::durable {

// One line each: what, where, what to do. Empty where all is well, and where nobody has the journal open. Changes nothing.
std::vector<std::string> journal_troubles(const JournalSettings& settings);

}  // namespace waxwing::durable
