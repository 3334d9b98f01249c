// Sequence numbers of $#name|increment|radix|length# in mapping templates, kept in run/sequence/<name>.
#pragma once

#include <string>
#include <string_view>

#include "mta/address/context.h"

namespace waxwing::mta {

// Raises the number in the file under a lock and answers it, padded with zeroes to length. No number is given
// twice; some may be left out, since a resolution that has to wait for the directory is done again. A short
// local write, done also with Ask::cache_only. Without an instance (texts, tests) a counter of the process
// serves.
Result<std::string> next_in_sequence(const Lookup& lookup, const std::string& name, int increment, int radix,
                                     int length);

}  // namespace waxwing::mta
