#include "channels/conversion/shell_command.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::channels {

std::string shell_command(std::string_view command) {
  std::string out;
  for (std::size_t at = 0; at < command.size();) {
    const auto end = command[at] == '\'' ? command.find('\'', at + 1) : command.npos;
    if (end == command.npos) {
      out += command[at++];
      continue;
    }
    const auto name = command.substr(at + 1, end - at - 1);
    const bool is_name = !name.empty() && !is_digit(name[0]) &&
                         std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '_'; });
    out += is_name ? "\"$" + std::string(name) + "\"" : std::string(command.substr(at, end + 1 - at));
    at = end + 1;
  }
  return out;
}

}  // namespace waxwing::channels
