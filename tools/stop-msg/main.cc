// stop-msg(1): stops the services of an instance and its watcher, or one service.
#include <fmt/core.h>

#include "common/base/path.h"
#include "common/config/config.h"
#include "tools/service/command_line.h"
#include "tools/service/watcher_client.h"

namespace waxwing {
namespace {

constexpr const char* kUsage =
    "usage: stop-msg [--instance DIR] [service ...]\n"
    "Stops everything, watcher too, or only the services named. What is stopped already is no error.\n";

void show_progress(const Record& progress) {
  const auto state = progress.get("state");
  const std::string pid(progress.get("pid"));
  if (state == "finishing")
    fmt::print("  {:<16} finishes what it has begun, pid {}\n", progress.get("name"), pid);
  else if (state == "killed")
    fmt::print("  {:<16} killed: it did not end in time, pid {}\n", progress.get("name"), pid);
  else if (state == "stopped")
    fmt::print("  {:<16} stopped\n", progress.get("name"));
  std::fflush(stdout);
}

Result<int> run(const CommandLine& line) {
  TRY(const std::string root, find_instance(line.get("instance")));
  TRY(const bool runs, watcher_runs(root));
  if (!runs && left_running(root).empty()) {
    fmt::print("nothing runs in {}\n", root);
    return 0;
  }
  if (!runs) TRY_VOID(launch_watcher(root, program_directory()));  // it takes them over
  Record question("stop");
  for (const auto& word : line.words) question.set("name", word);
  TRY(const Record answer, follow(root, question, show_progress));
  return answer.is("done") ? 0 : 1;
}

}  // namespace
}  // namespace waxwing

int main(int argc, char** argv) {
  using namespace waxwing;
  const auto line = parse_command_line(argc, argv, {"instance=", "help"});
  if (line && line->has("help")) {
    fmt::print("{}", kUsage);
    return 0;
  }
  const auto result = line ? run(*line) : Result<int>(std::unexpected(line.error()));
  if (result) return *result;
  fmt::print(stderr, "stop-msg: {}\n", result.error().text);
  return 2;
}
