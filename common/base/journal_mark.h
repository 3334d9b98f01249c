// The mark of a directory that the journal covers: a file by which it is known again.
//
// A root may be the mount point of a file system of its own. When that is not mounted the directory is there all
// the same, empty or not, and a replay would take what it holds records of for deleted. So every root gets a small
// file, on disk before anything of the root is journaled, and ROOT/journal/roots remembers what it says. From then
// on a directory of that name that does not bear this very mark is not the one that the records are of: nothing is
// replayed there, and nothing journaled.
//
//   DIRECTORY/.journal: "waxwing journal root 1 <mark, 16 hex digits> <XXH3 of the mark, 16 hex digits>\n"
// Marks are random, and drawn once: what lies below a mount point never has that of what is mounted there. An empty
// directory may be either, so it gets none until something is committed below it.
#pragma once

#include <string>

#include "common/base/result.h"

namespace waxwing::durable {

// A mark is there and rotten. Whose it was cannot be told any more; it counts as the one that is known.
Result<bool> has_damaged_mark(const std::string& directory);
// Is this the directory that bore the mark `known`? Empty: it had none. A temporary error says what to do, or that the
// disk does not tell.
Result<> recognise_root(const std::string& directory, const std::string& known);
enum class MarkEmpty { no, yes };
// The same, and gives one that never had a mark its own, durable; a damaged one is written again. Answers the mark; none for an empty directory that
// is not to be marked. One that has a mark that nobody knows (of a copied instance) keeps it. The directory is there.
Result<std::string> mark_root(const std::string& directory, const std::string& known, MarkEmpty empty);

}  // namespace waxwing::durable
