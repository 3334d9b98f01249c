// What one watcher an instance holds: its user, its folders and log, the lock that makes it the only one, the journal, the
// socket.
#pragma once

#include "common/base/file.h"
#include "common/base/result.h"
#include "common/config/config.h"
#include "watcher/arguments.h"
#include "watcher/detach.h"
#include "watcher/journal_gate.h"

namespace waxwing {

struct Place {
  UniqueFd lock, listener;
};

// In that order. Forks, unless it stays in the foreground; may wait for a replay of the journal.
Result<Place> take_place(const Arguments& arguments, const Config& config, Detach& detach, JournalGate& gate);

}  // namespace waxwing
