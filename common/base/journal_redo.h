// What a replay does to the file system, one record at a time. Every function answers whether it changed
// anything, may be repeated, and follows no symbolic link at the end of a path.
#pragma once

#include <string>
#include <string_view>

#include "common/base/journal_record.h"
#include "common/base/result.h"

namespace waxwing::durable {

enum class Redo { done, needless, skipped, refused };

// The directory above path is there, or is made when only it is missing. Skipped: the one above is missing
// too. An error when root itself, below which path lies, is missing: its file system is not mounted, and to
// skip its records would lose them.
Result<Redo> redo_parent(const std::string& path, const std::string& root);
Result<Redo> redo_content(const std::string& path, std::string_view bytes);
Result<Redo> redo_renamed(const std::string& from, const std::string& to);
Result<Redo> redo_linked(const std::string& from, const std::string& to);
Result<Redo> redo_removed(const std::string& path);
Result<Redo> redo_range(const std::string& path, const JournalRecord& record);

}  // namespace waxwing::durable
