// From a batch to its records in the journal.
#pragma once

#include <string>
#include <vector>

#include "common/base/durable_batch.h"
#include "common/base/journal.h"

namespace waxwing::durable {

// Must it go straight to disk: it has a file(), a content that is large, or a path that no root covers?
Result<bool> goes_to_disk(const Journal& journal, const Batch& batch);

// Before anything of the batch is done: may the journal hold records of all its paths? See Journal::admit().
Result<> admit_batch(Journal& journal, const Batch& batch);

// Appends the records of a batch whose names had been made when the log ended at since; contents are read back from
// their descriptors. Ranges are left to Journal::append. On failure out is as before.
Result<> record_batch(const Journal& journal, const Batch& batch, std::uint64_t since, std::string& out);

// The same for a batch that went straight to disk: its names stand, whatever the journal held of them when the
// log ended at since, before the sync began. Paths that no root covers are left out.
void record_standing(const Journal& journal, const Batch& batch, std::uint64_t since, std::string& out);

// And behind that what the log must have of it all the same; as record_batch.
Result<> record_small_contents(const Journal& journal, const Batch& batch, std::uint64_t since,
                               std::string& out);

// Makes the pages of its files dirty again that may have been lost: see Journal::refuses().
Result<> make_dirty_again(const Journal& journal, const Batch& batch);

// The ranges of a batch that the journal covers.
void add_ranges(const Journal& journal, const Batch& batch, std::vector<const Range*>& ranges);

}  // namespace waxwing::durable
