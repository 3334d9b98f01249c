// imsimta version.
#include <fmt/format.h>

#include "common/base/version.h"
#include "mta/config/build_file.h"
#include "tools/imsimta/command.h"
#include "tools/service/watcher_client.h"

namespace waxwing::imsimta {

namespace {
// What runs may be older than this command: after an upgrade each service goes on with the program it was
// started from.
void print_running(const std::string& root) {
  const auto runs = watcher_runs(root);
  const auto status = runs && *runs ? follow(root, Record("status"), {}) : Result<Record>(temporary(""));
  if (!runs) return fmt::print("{}\n", runs.error().text);
  if (const auto names = status ? std::string() : left_running(root); !names.empty())
    return fmt::print("watcher does not run, but {}: start-msg takes them over\n", names);
  if (!status) return fmt::print("nothing runs\n");
  const auto version = status->get("version");
  fmt::print("watcher runs {}{}\n", version.empty() ? "an earlier version" : version,
             status->number("older") == 0 ? "" : "; start-msg makes it the installed one");
  const auto names = status->all("service"), older = status->all("service_older");
  for (std::size_t i = 0; i < names.size() && i < older.size(); ++i)
    if (older[i] == "1")
      fmt::print("{} runs an older program than the installed one: start-msg --restart {}\n", names[i],
                 names[i]);
}
}  // namespace

Result<int> run_version(const Context& context, Arguments arguments) {
  TRY_VOID(arguments.finish("version"));
  fmt::print("{} {}\ninstance {}\n", kProduct, build_text(), context.root);
  const auto build = mta::read_build(context.root);
  fmt::print("published MTA configuration: {}\n", build ? build->id : "none: " + build.error().text);
  print_running(context.root);
  return 0;
}

}  // namespace waxwing::imsimta
