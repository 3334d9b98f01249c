// What an operator wants sent elsewhere: the message goes to the channel reprocess, where its addresses are resolved
// anew by the rules of now.
#pragma once

#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

// Held or not; it is not held any more then. Answers its new name; durable, and blocks. Temporary error: somebody works
// on it just now. Permanent: it is on its way into the message store, or there is no such file.
Result<FileName> reroute(Queue& queue, const FileName& name);

}  // namespace waxwing::mta::queue
