// The commit journal of an instance (common/base/journal.h), as its options and directories want it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"

namespace waxwing {

// Every program that writes queue or store calls this once, when it knows its configuration and before it
// opens either; daemons have it from run_daemon. The first one after the system was started replays the
// journal, others wait for it. Covers the queue and every partition. With journal.enabled off a journal that
// is still there is brought into the files, and from then on every file is synced by itself. Its events go to
// the log.
Result<> open_instance_journal(const Config& config);
// Why it cannot be opened before programs of another version have ended (durable::journal_of_others).
std::optional<Error> instance_journal_of_others(const Config& config);
// What keeps it from taking anything, a line each (durable::journal_troubles); nothing where it is switched off.
std::vector<std::string> instance_journal_troubles(const Config& config);
// The same as the first for a program that ends by returning from main(): its end is a clean one, so that a tool that runs
// while everything is stopped leaves an empty journal.
Result<> open_instance_journal_until_exit(const Config& config);

// Says in the log, once for each file system, that queue, store or journal lie on one that does not keep names in
// order (common/base/file_system.h), and what to do.
void warn_of_file_systems(const Config& config);

}  // namespace waxwing
