// Where names do not become durable in the order in which they were made (file_system.h).
//
// A replay makes a name again from the log; the file it leads to must be on disk or in the log as well. A message that
// was accepted before the last checkpoint is on disk, under its name in the queue. When it is delivered, a link is
// made into the store and the name in the queue is removed. If of these two changes the disk has only the second
// one when the power fails, nobody has the bytes any more.
//
// So on such a file system, and there only: of a link to a file whose bytes the log may lack, the bytes go into the log
// once more; when they are too many for that, the directory of the link is synced before the commit answers. Such a
// file is renamed in three steps: link, sync, unlink. What the log has costs a look at the file and no more.
#pragma once

#include <string>

#include "common/base/journal.h"

namespace waxwing::durable {

// Who is larger may have gone past the log. Less than kLargeContent, for a file may have grown by marks.
constexpr std::uint64_t kCountedOn = kLargeContent / 2;

// What has to be done for that name, a link that was just made.
enum class Lack { nothing, bytes, directory };
Result<Lack> lack_of(const Journal& journal, const std::string& path);
// After the names of the batch were made: asks for the directories that have to be synced.
Result<> sync_links(const Journal& journal, Batch& batch);

// Two names of one file; a name is no second name of itself. False when one of them is not there.
Result<bool> is_same_file(const std::string& a, const std::string& b);

Result<> sync_directory(const std::string& path);
Result<> rename_at_once(const std::string& from, const std::string& to);
// rename(2), safe on any file system. journal: null when there is none. May wait for the disk.
Result<> rename_safely(Journal* journal, const std::string& from, const std::string& to);

}  // namespace waxwing::durable
