// Tools go on where a daemon would not: somebody who mends a line must not be blind meanwhile.
#include <fmt/core.h>

#include <algorithm>

#include "tools/options/option_file.h"

namespace waxwing {

namespace {
void warn(const std::string& program, const std::vector<BadLine>& bad) {
  for (const auto& line : bad) fmt::print(stderr, "{}: warning: {}\n", program, line.text);
  if (!bad.empty())
    fmt::print(
        stderr,
        "{}: warning: what stands there is left out; no service starts or reloads until it is mended\n",
        program);
}
}  // namespace

Result<std::shared_ptr<const Config>> load_for_tool(const std::string& root, const std::string& program,
                                                    const std::vector<std::string_view>& needs) {
  std::vector<BadLine> bad;
  TRY(auto config, Config::load_good_lines(root, bad));
  std::string needed;
  for (const auto& line : bad)
    if (std::ranges::any_of(needs, [&](std::string_view head) { return line.option.starts_with(head); }))
      needed += (needed.empty() ? "" : "\n") + line.text;
  if (!needed.empty())
    return permanent(needed + "\n" + program + " needs this option; mend it with msconfig set");
  warn(program, bad);
  return config;
}

void warn_of_bad_lines(const std::string& root, const std::string& program) {
  std::vector<BadLine> bad;
  if (Config::load_good_lines(root, bad)) warn(program, bad);
}

}  // namespace waxwing
