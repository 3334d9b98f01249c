// What an operator wants returned to its sender: the wish stands in the slots of the file's recipients, where it
// outlives every process, until a channel program has done it.
#pragma once

#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

// Durable when it answers; blocks. Recipients that are done stay as they are. Temporary error: somebody works on one
// of them just now. Permanent: nobody is left to serve, or there is no such file.
Result<> mark_for_return(const Queue& queue, const FileName& name);

}  // namespace waxwing::mta::queue
