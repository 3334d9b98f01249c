// start-msg(1): starts the services of an instance, or one of them, and waits until they are ready.
#include <fmt/core.h>

#include <map>

#include "common/config/config.h"
#include "tools/service/command_line.h"
#include "tools/service/progress.h"
#include "tools/service/watcher_client.h"

namespace waxwing {
namespace {

constexpr const char* kUsage =
    "usage: start-msg [--instance DIR] [service ...]\n"
    "       start-msg --restart service ...\n"
    "       start-msg --status\n"
    "Starts what is enabled in config/msg.conf, or the services named, and waits until they are ready.\n";

int show_status(const Record& status) {
  fmt::print("watcher runs, pid {}\n", status.get("watcher"));
  const auto names = status.all("service"), states = status.all("state"), pids = status.all("pid"),
             seconds = status.all("seconds"), deaths = status.all("deaths"), troubles = status.all("trouble");
  bool all_run = true;
  for (std::size_t i = 0; i < names.size(); ++i) {
    all_run = all_run && states[i] == "running";
    fmt::print("  {:<16} {:<9}", names[i], states[i]);
    if (pids[i] != "0") fmt::print(" pid {:<8} for {} s", pids[i], seconds[i]);
    if (deaths[i] != "0") fmt::print("  died {} times, last: {}", deaths[i], troubles[i]);
    fmt::print("\n");
  }
  return all_run ? 0 : 1;
}

// What was running before, so that its part of the answer is not "nothing happened".
std::map<std::string, std::string> running_now(const std::string& root) {
  std::map<std::string, std::string> running;
  const auto status = follow(root, Record("status"), [](const Record&) {});
  if (!status) return running;
  const auto names = status->all("service"), states = status->all("state"), pids = status->all("pid");
  for (std::size_t i = 0; i < names.size(); ++i)
    if (states[i] == "running") running[std::string(names[i])] = pids[i];
  return running;
}

Result<int> run(const CommandLine& line) {
  TRY(const std::string root, find_instance(line.get("instance")));
  TRY(const bool runs, watcher_runs(root));
  if (line.has("status")) {
    if (!runs) {
      fmt::print("nothing runs in {}; start-msg starts it\n", root);
      return 3;
    }
    TRY(const Record status, follow(root, Record("status"), [](const Record&) {}));
    return show_status(status);
  }
  TRY(const auto config, Config::load(root));
  Record question(line.has("restart") ? "restart" : "start");
  for (const auto& word : line.words) question.set("name", word);
  if (line.has("restart") && line.words.empty()) return permanent("--restart needs the name of a service");
  const auto logs_before = log_sizes(root);
  if (!runs) TRY_VOID(launch_watcher(root, program_directory()));
  const auto before = running_now(root);
  TRY(const Record answer, follow(root, question, show_progress));
  if (answer.is("failed")) {
    explain_failure("start-msg", root, answer, logs_before);
    return 1;
  }
  if (!line.has("restart")) {
    for (const auto& [name, pid] : before) fmt::print("  {:<16} runs      pid {}\n", name, pid);
  }
  return 0;
}

}  // namespace
}  // namespace waxwing

int main(int argc, char** argv) {
  using namespace waxwing;
  const auto line = parse_command_line(argc, argv, {"instance=", "restart", "status", "help"});
  if (line && line->has("help")) {
    fmt::print("{}", kUsage);
    return 0;
  }
  const auto result = line ? run(*line) : Result<int>(std::unexpected(line.error()));
  if (result) return *result;
  fmt::print(stderr, "start-msg: {}\n", result.error().text);
  return 2;
}
