// Programs that have the journal open in a form that this program does not know: those of another version after an
// upgrade, or any whose run/journal was removed. Nobody can share it with them; they must end first.
#pragma once

#include <optional>

#include "common/base/durable.h"
#include "common/base/result.h"

namespace waxwing::durable {

// Why open_journal() would not do for as long as they run: says who they are and what to do. Nothing when there are none,
// or that cannot be told.
std::optional<Error> journal_of_others(const JournalSettings& settings);

// The same when that is known. Temporary. lock_fd: of ROOT/journal/lock.
Error held_by_others(const JournalSettings& settings, int lock_fd);

}  // namespace waxwing::durable
