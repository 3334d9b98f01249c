// Where a file system puts new files.
#pragma once

#include <string>

namespace waxwing {

// Asks the file system to put the subdirectories of this directory far from each other, as it does with those
// of its root. ext4 looks for a free inode from the beginning of the region in which the directory stands,
// and without a journal of its own it passes over all that were freed in the last minutes, one by one: where
// thousands of files come and go in one directory, to create the next one takes longer than to sync it (0.6
// ms measured, 0.02 ms with the same files in 64 directories that are spread). Best effort: other file
// systems and who may not are left as they are.
void spread_subdirectories(const std::string& directory);

}  // namespace waxwing
