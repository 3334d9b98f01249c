#include "mta/config/source.h"

#include "common/base/strings.h"

namespace waxwing::mta {
namespace {

// "<IMTA_TABLE:internet.rules" and "<internet.rules" both name a file of the configuration folder.
std::string include_name(std::string_view line) {
  auto name = trim(line.substr(1));
  if (const auto colon = name.find(':'); colon != name.npos && istarts_with(name, "IMTA_"))
    name.remove_prefix(colon + 1);
  while (istarts_with(name, "./")) name.remove_prefix(2);
  return std::string(name);
}

class Reader {
 public:
  Reader(const SourceSet& sources, std::string_view marks, std::vector<std::string>& errors,
         const ReadLimits& limits)
      : sources_(sources), marks_(marks), errors_(errors), limits_(limits) {}

  void read(const std::string& file, int depth) {
    auto text = sources_.text(file);
    int number = 0;
    while (!text.empty()) {
      SourceLine line{std::string(next_physical(text, number)), file, number};
      if (!line.text.empty() && marks_.find(line.text[0]) != marks_.npos) continue;
      while (!line.text.empty() && line.text.back() == '\\' && !text.empty()) {
        line.text.pop_back();
        line.text += trim_left(next_physical(text, number));
        if (line.text.size() > limits_.max_line_bytes) break;
      }
      if (!take(std::move(line), depth)) return;
    }
  }

  std::vector<SourceLine> lines;

 private:
  static std::string_view trim_left(std::string_view text) {
    while (!text.empty() && is_blank(text[0])) text.remove_prefix(1);
    return text;
  }

  static std::string_view next_physical(std::string_view& text, int& number) {
    ++number;
    auto line = take_until(text, '\n');
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }

  // False: reading must end (limits).
  bool take(SourceLine line, int depth) {
    if (line.text.size() > limits_.max_line_bytes || lines.size() >= limits_.max_lines) {
      errors_.push_back(line.where() + ": line too long or too many lines; split the file");
      return false;
    }
    if (line.text.find('\0') != std::string::npos) {
      errors_.push_back(line.where() + ": a NUL byte; the file is damaged or no text file");
      return false;
    }
    if (!line.text.empty() && line.text[0] == '<') return include(line, depth);
    replace_symbols(line);
    lines.push_back(std::move(line));
    return true;
  }

  bool include(const SourceLine& line, int depth) {
    const auto name = include_name(line.text);
    if (depth >= limits_.max_include_depth) {
      errors_.push_back(line.where() + ": includes nested deeper than " +
                        std::to_string(limits_.max_include_depth) + "; does " + printable(name) +
                        " include itself?");
      return false;
    }
    if (name.empty() || name[0] == '/' || name.find("..") != name.npos || !sources_.has_file(name)) {
      errors_.push_back(line.where() + ": included file \"" + printable(name) +
                        "\" is not in the config directory; create it there or remove the line");
      return true;
    }
    read(name, depth + 1);
    return true;
  }

  void replace_symbols(SourceLine& line) {
    std::size_t at = 0;
    while ((at = line.text.find("&/", at)) != std::string::npos) {
      const auto end = line.text.find('/', at + 2);
      if (end == std::string::npos) return;
      const auto name = line.text.substr(at + 2, end - at - 2);
      if (!sources_.has_symbol(name)) {
        errors_.push_back(line.where() + ": unknown symbol &/" + printable(name) +
                          "/; known are &/IMTA_HOST/ and &/IMTA_DEFAULTDOMAIN/");
        at = end + 1;
        continue;
      }
      const auto value = sources_.symbol(name);
      line.text.replace(at, end + 1 - at, value);
      at += value.size();
    }
  }

  const SourceSet& sources_;
  std::string_view marks_;
  std::vector<std::string>& errors_;
  const ReadLimits& limits_;
};

}  // namespace

std::string_view SourceSet::text(std::string_view name) const {
  const auto found = files_.find(name);
  return found == files_.end() ? std::string_view{} : std::string_view(found->second);
}

std::string_view SourceSet::symbol(std::string_view name) const {
  const auto found = symbols_.find(name);
  return found == symbols_.end() ? std::string_view{} : std::string_view(found->second);
}

bool SourceLine::blank() const {
  return trim(text).empty();
}

std::vector<SourceLine> read_lines(const SourceSet& sources, std::string_view file,
                                   std::string_view comment_marks, std::vector<std::string>& errors,
                                   const ReadLimits& limits) {
  Reader reader(sources, comment_marks, errors, limits);
  reader.read(std::string(file), 0);
  return std::move(reader.lines);
}

}  // namespace waxwing::mta
