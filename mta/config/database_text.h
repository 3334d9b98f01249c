// Databases as text: a key, blanks, and what it stands for, one a line. The input of imsimta crdb, what
// crdb -dump writes, and general.txt, reverse.txt and forward.txt of USE_TEXT_DATABASES.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "mta/config/database_image.h"

namespace waxwing::mta {

struct DatabaseTextOptions {
  bool quoted = false;         // a key may stand in "" and hold blanks
  bool remove_quotes = false;  // and leaves them behind
  bool strip_colons = false;   // a colon at the end of a key is none of it: lines of an aliases file
  bool duplicates = false;  // several lines may have the same key; else the first holds, the others are told
};

struct DatabaseText {
  DatabaseEntries entries;                      // in order of lines
  std::size_t lines = 0;                        // that were read; comments and empty ones not counted
  std::vector<std::string> duplicates, errors;  // "file:12: ..."
};

// ! in column 1 begins a comment. Errors are lines that cannot be taken.
DatabaseText parse_database_text(std::string_view text, std::string_view file,
                                 const DatabaseTextOptions& options = {});

// What parse_database_text(quoted, remove_quotes, duplicates) reads back.
std::string write_database_text(const DatabaseEntries& entries);

}  // namespace waxwing::mta
