// After a failed write-back: makes the pages dirty again that the journal speaks of.
//
// When a page cannot be written, the kernel reports it once and takes the page for clean: the next syncfs
// would succeed without it. The page itself still has the right bytes. So every page of every file that a
// record since the last checkpoint names is declared written to, without changing a byte
// (MADV_POPULATE_WRITE, Linux 5.14), while other processes use the files.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/journal_reader.h"

namespace waxwing::durable {

// The reader stands at the last checkpoint. A name that is gone needs nothing, nor does a file that was made after the
// failure (CLOCK_REALTIME, milliseconds): its pages are dirty, or were written. root: of the instance.
Result<> touch_again(JournalReader& reader, const std::string& root, std::int64_t failed_ms);
// One file.
Result<> touch_again(const std::string& path, std::int64_t failed_ms);

}  // namespace waxwing::durable
