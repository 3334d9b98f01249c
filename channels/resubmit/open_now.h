// A queue file by the name it has now: the job controller renames it when the attempt to deliver it is over, at any time
// as seen from another program.
#pragma once

#include "mta/queue/reader.h"

namespace waxwing::channels {

enum class HeldOnes { too, not_these };
// An error that is_gone(): there is none of that key.
Result<mta::queue::Reader> open_now(const mta::queue::Queue& queue, const mta::queue::FileName& file,
                                    HeldOnes held);

}  // namespace waxwing::channels
