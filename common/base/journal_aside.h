// What a replay had to pass over is kept for a person to look at: the log's space is used again.
#pragma once

#include <string>

#include "common/base/journal_reader.h"

namespace waxwing::durable {

// Writes the bytes of the hole into a new file of the journal's directory, durable, and answers its path. A
// permanent error when there are many already; at most 16 MB are kept of one.
Result<std::string> set_aside(const std::string& directory, JournalReader& reader, const JournalHole& hole);

}  // namespace waxwing::durable
