// Arguments of the small operators' commands: --instance DIR, flags, and words.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace waxwing {

struct CommandLine {
  std::map<std::string, std::string> options;  // without the dashes; flags have an empty value
  std::vector<std::string> words;
  bool has(const std::string& name) const { return options.contains(name); }
  std::string get(const std::string& name, const std::string& fallback = "") const {
    const auto at = options.find(name);
    return at == options.end() ? fallback : at->second;
  }
};

// names: "instance=" takes a value, "status" takes none. --name=value is understood; "--" ends options.
Result<CommandLine> parse_command_line(int argc, char** argv, const std::vector<std::string>& names);

// The one word is --help or -h: for the commands whose letters follow getopt's rules.
bool only_asks_for_help(int argc, char** argv);

}  // namespace waxwing
