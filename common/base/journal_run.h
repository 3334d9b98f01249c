// Which run of the instance it is: of the system, or since a replay in it.
//
// What processes share by mapping files (indexes of mailboxes, accounts) is right while some of them live on, whoever
// dies. After a restart of the system it is what the disk has and the log brought back, and whoever opens it mends it.
// A replay may come without such a restart: when ROOT/run was emptied while nothing ran, or when another version of the
// programs takes over from one that was killed. It brings back records as they were at their commit, over what was done to them
// since. So a replay that had anything to do begins a run of its own.
//
//   ROOT/journal/run: "waxwing journal run 1 <boot id> <16 hex digits>\n". Of another system run it says nothing, so it
//   need not outlast one.
#pragma once

#include <string>

#include "common/base/result.h"

namespace waxwing::durable {

// Empty: the run of the system is all there is to tell.
Result<std::string> load_run(const std::string& directory);
// By who replays, before anybody else opens the journal.
Result<> begin_run(const std::string& directory);

}  // namespace waxwing::durable
