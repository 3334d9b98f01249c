// The mark of a directory that the journal covers: a file by which it is known again.
//
// A root may be the mount point of a file system of its own. When that is not mounted the directory is there all
// the same, empty, and a replay would take what it holds records of for deleted. So every root gets a small file,
// on disk before anything of the root is journaled, and ROOT/journal/roots remembers what it says. A root that is
// empty, or bears the mark of another, is not the one that the records are of.
//
//   DIRECTORY/.journal: "waxwing journal root 1 <mark, 16 hex digits> <XXH3 of the mark, 16 hex digits>\n"
// A mark that is damaged, or was removed from a directory that has other files, is written anew.
#pragma once

#include <string>

#include "common/base/result.h"

namespace waxwing::durable {

// Is this the directory that bore the mark `known`? Empty: it had none. A temporary error says what to do.
Result<> recognise_root(const std::string& directory, const std::string& known);
// The same, and gives it a mark, durable, when it has none. Answers the mark. The directory is there.
Result<std::string> mark_root(const std::string& directory, const std::string& known);

}  // namespace waxwing::durable
