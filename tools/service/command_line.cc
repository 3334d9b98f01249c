#include "tools/service/command_line.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing {

Result<CommandLine> parse_command_line(int argc, char** argv, const std::vector<std::string>& names) {
  CommandLine line;
  bool options_over = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (options_over || word.size() < 2 || word[0] != '-' || is_digit(word[1])) {  // -1 is a value
      line.words.push_back(word);
      continue;
    }
    if (word == "--") {
      options_over = true;
      continue;
    }
    std::string name = word.substr(word.find_first_not_of('-'));
    const auto equal = name.find('=');
    const std::string inline_value = equal == std::string::npos ? "" : name.substr(equal + 1);
    if (equal != std::string::npos) name.resize(equal);
    const bool flag = std::ranges::find(names, name) != names.end();
    const bool takes_value = std::ranges::find(names, name + "=") != names.end();
    if (!flag && !takes_value)
      return permanent("there is no option " + word + "; --help lists those there are");
    if (flag && equal != std::string::npos) return permanent("--" + name + " takes no value");
    if (takes_value && equal == std::string::npos) {
      if (i + 1 >= argc || std::string_view(argv[i + 1]).starts_with("--"))
        return permanent("--" + name + " needs a value (one that begins with -- as --" + name + "=VALUE)");
      line.options[name] = argv[++i];
    } else {
      line.options[name] = inline_value;
    }
  }
  return line;
}

bool only_asks_for_help(int argc, char** argv) {
  const std::string_view word = argc == 2 ? argv[1] : "";
  return word == "--help" || word == "-h";
}

}  // namespace waxwing
