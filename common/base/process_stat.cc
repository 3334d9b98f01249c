#include "common/base/process_stat.h"

#include <string>

#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing {

std::optional<ProcessStat> process_stat(pid_t pid) {
  // Places behind "pid (name) "; the name may hold anything, ')' too.
  constexpr std::size_t kState = 0, kParent = 1, kUser = 11, kSystem = 12, kStart = 19, kPages = 21;
  const auto text = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  const auto behind = text ? text->rfind(')') : std::string::npos;
  if (behind == std::string::npos) return std::nullopt;
  const auto words = split_words(std::string_view(*text).substr(behind + 1));
  if (words.size() <= kPages || words[kState].empty()) return std::nullopt;
  const auto number = [&](std::size_t at) { return to_number<std::uint64_t>(words[at]).value_or(0); };
  return ProcessStat{words[kState].front(), static_cast<pid_t>(number(kParent)),
                     number(kUser),         number(kSystem),
                     number(kStart),        number(kPages)};
}

}  // namespace waxwing
