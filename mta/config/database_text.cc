#include "mta/config/database_text.h"

#include <unordered_set>

#include "common/base/strings.h"

namespace waxwing::mta {
namespace {

// Where the key ends: at the first blank, which quotes protect when they count.
std::size_t end_of_key(std::string_view line, bool quoted) {
  bool inside = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quoted && inside && line[i] == '\\') {
      ++i;
      continue;
    }
    if (quoted && line[i] == '"') inside = !inside;
    if (!inside && is_blank(line[i])) return i;
  }
  return inside ? line.npos : line.size();
}

std::string without_quotes(std::string_view key) {
  std::string plain;
  bool inside = false;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key[i] == '"')
      inside = !inside;
    else if (inside && key[i] == '\\' && i + 1 < key.size())
      plain += key[++i];
    else
      plain += key[i];
  }
  return plain;
}

class Reader {
 public:
  Reader(std::string_view file, const DatabaseTextOptions& options) : file_(file), options_(options) {}

  void line(std::string_view line, std::size_t number) {
    line = trim(line);
    if (line.empty()) return;
    ++result_.lines;
    const auto where = file_ + ":" + std::to_string(number) + ": ";
    const auto end = end_of_key(line, options_.quoted);
    if (end == line.npos) return (void)result_.errors.push_back(where + "a quote is not closed");
    auto key = std::string(line.substr(0, end));
    const auto value = trim(line.substr(end));
    if (options_.strip_colons && key.ends_with(':')) key.pop_back();
    if (options_.quoted && options_.remove_quotes) key = without_quotes(key);
    if (auto wrong = problem(key, value); !wrong.empty())
      return (void)result_.errors.push_back(where + wrong);
    if (!options_.duplicates && !seen_.insert(to_lower(key)).second)
      return (void)result_.duplicates.push_back(where + "\"" + printable(key, 60) +
                                                "\" is there already; the first one holds");
    result_.entries.emplace_back(std::move(key), std::string(value));
  }

  DatabaseText take() { return std::move(result_); }

 private:
  static std::string problem(std::string_view key, std::string_view value) {
    if (key.empty()) return "the key is empty";
    if (value.empty())
      return "\"" + printable(key, 60) + "\" stands for nothing; write a key, blanks, and its value";
    if (key.size() > kMaxDatabaseKey)
      return "the key is longer than " + std::to_string(kMaxDatabaseKey) + " bytes";
    if (value.size() > kMaxDatabaseValue)
      return "the value is longer than " + std::to_string(kMaxDatabaseValue) + " bytes";
    return "";
  }

  std::string file_;
  const DatabaseTextOptions& options_;
  DatabaseText result_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

DatabaseText parse_database_text(std::string_view text, std::string_view file,
                                 const DatabaseTextOptions& options) {
  Reader reader(file, options);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = take_until(text, '\n');
    if (!line.starts_with('!')) reader.line(line, number);
  }
  return reader.take();
}

std::string write_database_text(const DatabaseEntries& entries) {
  std::string out;
  for (const auto& [key, value] : entries) {
    const bool plain = key.find_first_of(" \t\r\"!") == key.npos;  // else it would be trimmed, or end early
    out += plain ? key : "\"" + replace_all(replace_all(key, "\\", "\\\\"), "\"", "\\\"") + "\"";
    out += "  " + value + "\n";
  }
  return out;
}

}  // namespace waxwing::mta
