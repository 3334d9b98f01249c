// The texts of the MTA's configuration, and lines that know where they stand.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing::mta {

// File name relative to config/ -> text; and the symbols for &/NAME/.
class SourceSet {
 public:
  void set_file(std::string name, std::string text) { files_[std::move(name)] = std::move(text); }
  void set_symbol(std::string name, std::string value) { symbols_[std::move(name)] = std::move(value); }
  bool has_file(std::string_view name) const { return files_.contains(name); }
  std::string_view text(std::string_view name) const;    // "" when absent
  std::string_view symbol(std::string_view name) const;  // "" when absent
  bool has_symbol(std::string_view name) const { return symbols_.contains(name); }
  // Characters that begin a comment in column 1 (COMMENT_CHARS).
  void set_comment_marks(std::string marks) { comment_marks_ = std::move(marks); }
  const std::string& comment_marks() const { return comment_marks_; }
  const std::map<std::string, std::string, std::less<>>& files() const { return files_; }
  const std::map<std::string, std::string, std::less<>>& symbols() const { return symbols_; }

 private:
  std::map<std::string, std::string, std::less<>> files_, symbols_;
  std::string comment_marks_ = "!#;";
};

// A logical line: includes resolved, continued lines joined, &/SYMBOL/ replaced. Comments are left out.
struct SourceLine {
  std::string text;
  std::string file;
  int number = 0;  // of its first physical line
  bool blank() const;
  std::string where() const { return file + ":" + std::to_string(number); }
};

struct ReadLimits {
  int max_include_depth = 10;
  std::size_t max_lines = 1000000;
  std::size_t max_line_bytes = 65536;
};

// All lines of a file. Errors (include missing, too deep, unknown symbol) are appended to errors, with file,
// line and mend. comment_marks: characters that begin a comment in column 1.
std::vector<SourceLine> read_lines(const SourceSet& sources, std::string_view file,
                                   std::string_view comment_marks, std::vector<std::string>& errors,
                                   const ReadLimits& limits = {});

}  // namespace waxwing::mta
