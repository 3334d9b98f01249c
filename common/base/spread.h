// Where a file system puts new files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/file.h"

namespace waxwing {

// Asks the file system to put the subdirectories of this directory far from each other, as it does with those
// of its root. ext4 looks for a free inode from the beginning of the region in which the directory stands,
// and without a journal of its own it passes over all that were freed in the last minutes, one by one: where
// thousands of files come and go in one directory, to create the next one takes longer than to sync it (0.6
// ms measured, 0.02 ms with the same files in 64 directories that are spread). Best effort: other file
// systems and who may not are left as they are.
void spread_subdirectories(const std::string& directory);

// Files on their way lie in kSpreadFolders folders below `top` that are spread so, each process beginning with
// another one: to make one stays cheap, and threads do not wait for each other's directory.
inline constexpr unsigned kSpreadFolders = 128;
struct SpreadFile {
  UniqueFd fd;  // for reading and writing
  std::string path;
};
// A new file of that name in the folder whose turn it is. Makes what is missing, top included.
Result<SpreadFile> create_spread_file(const std::string& top, const std::string& name);
// Removes files in top and in its folders that nobody has written to for that long, and tells of each.
void remove_old_spread_files(const std::string& top, std::int64_t older_than_seconds,
                             const std::function<void(const std::string& path)>& removed);

}  // namespace waxwing
