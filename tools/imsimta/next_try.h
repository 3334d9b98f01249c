// Why a message waits in the queue, and until when.
#pragma once

#include <map>

#include "mta/queue/queue.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {

// By destination host, as the job controller has it: "next try 22-Nov-2026 20:40:11". Empty when the file is held, or the
// job controller does not run or does not know it.
std::map<std::string, std::string> why_it_waits(const Context& context, const mta::queue::FileName& name);

}  // namespace waxwing::imsimta
