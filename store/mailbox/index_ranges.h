// What of an index goes into a durable batch: the records that changed and the keyword names they use. The
// header and the ring stay out: mending makes them anew (index_format.h).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/durable.h"
#include "store/mailbox/index.h"

namespace waxwing::store {

// Slots ascending. The records are read when the batch is written, each as a whole.
void add_records(durable::Batch& batch, const std::shared_ptr<Index>& index,
                 const std::vector<std::uint32_t>& slots);
// The names of the keywords below `count`: all of them, so that the table on the disk never has a hole.
void add_keywords(durable::Batch& batch, const std::shared_ptr<Index>& index, std::size_t count);
// One above the highest bit that is set.
std::size_t keywords_in(const KeywordSet& set);

// Makes the records durable, in several batches when there are very many.
Result<> commit_records(const std::shared_ptr<Index>& index, const std::vector<std::uint32_t>& slots,
                        std::size_t keywords);

}  // namespace waxwing::store
