// Replay: brings what the journal holds into the files, after a power cut.
//
// Sequential redo in the order of the log. The disk may be behind the log (data lost, old, zero or torn; the
// latest names missing, or some of them: journal_order.h) or ahead of it (removals that were never promised); the outcome is the same, and so
// it is when a replay is cut short and done again:
//   content    written anew beside and renamed over, unless the file is there with these bytes; left alone when it was
//              in place before the log began
//   renamed    done if from exists
//   linked     done if from exists and to is missing or has other bytes. If from is missing, it is kept in
//              mind: a process may have linked a file before its writer had appended it, then content follows
//   removed    removed
//   range      written if the file exists and its guard matches. If a content of its name follows, it is
//              written once more behind that: whoever finds a name may change the file before its writer has
//              appended it
//   aged       the same, but a piece that is newer in the file stays: what follows it in the log may be damaged
//   synced     nothing to do: the reader goes by it, see journal_reader.h
//   stands     what came before for this name is void: it was synced past the journal, and may be newer than
//              the log. So the log is read twice: first for what is void, then to do the rest. Ranges,
//              renames and links since the sync began are not void, for they may have found the file; removals
//              are: such a file is rather delivered twice than lost
// At most one missing directory above a name is made. If the one above is missing too, the record is of
// something that was deleted: skipped, like every record whose path is not plain or not below a root. What
// cannot be done for reasons of the record (a directory in the way) is skipped and counted; what the disk
// refuses (full, error) ends the replay with that error, and the next opening tries again. So it is with looking
// and reading: passed over is only what is not there (ENOENT, ENOTDIR) or too short for what is compared. Bytes
// that cannot be read count as other bytes where all of them are replaced.
// Failpoint: journal.replay, once a record.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/journal_reader.h"

namespace waxwing::durable {

struct ReplayReport {
  std::uint64_t records = 0;
  std::uint64_t done = 0;     // changed something
  std::uint64_t skipped = 0;  // void, of something deleted, or refused
  std::uint64_t refused = 0;  // of these: outside the roots, or in the way of something else
};

// roots: absolute or relative to root. The reader stands at the first record; afterwards behind the last.
Result<ReplayReport> replay(JournalReader& reader, const std::string& root,
                            const std::vector<std::string>& roots);

}  // namespace waxwing::durable
