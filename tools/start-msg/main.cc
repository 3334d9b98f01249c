// start-msg(1): starts the services of an instance, or one of them, and waits until they are ready.
#include <fmt/core.h>

#include <algorithm>

#include "common/base/path.h"
#include "common/base/strings.h"
#include "common/config/config.h"
#include "common/daemon/instance_journal.h"
#include "common/daemon/server_tls.h"
#include "common/net/seqpacket.h"
#include "mta/queue/damaged.h"
#include "tools/service/command_line.h"
#include "tools/service/disk_space.h"
#include "tools/service/progress.h"
#include "tools/service/refusals.h"
#include "tools/service/watcher_client.h"

namespace waxwing {
namespace {

constexpr const char* kUsage =
    "usage: start-msg [--instance DIR] [service ...]\n"
    "       start-msg --restart service ...\n"
    "       start-msg --status\n"
    "Starts what is enabled in config/msg.conf, or the services named, and waits until they are ready.\n";

constexpr std::int64_t kAnswerMs = 5'000;
constexpr int kSilentS = 10;  // they say every two seconds that they live

// Workers and channel programs that hang; false when there are any.
bool show_silent_helpers(const Record& status) {
  const auto names = status.all("helper"), pids = status.all("helper_pid"),
             silent = status.all("helper_silent_s");
  bool all_live = true;
  for (std::size_t i = 0; i < std::min({names.size(), pids.size(), silent.size()}); ++i) {
    const auto quiet = to_number<int>(silent[i]).value_or(0);
    if (quiet < kSilentS) continue;
    fmt::print("  {:<16} silent    pid {:<8} no sign of life for {} s: it hangs, or this host is very busy\n",
               names[i], pids[i], quiet);
    all_live = false;
  }
  return all_live;
}

// Those that run full, or cannot be written to; false when one is.
bool show_disks(const Config& config) {
  bool none_full = true;
  for (const auto& space : disk_spaces(config)) {
    if (space.read_only) {
      fmt::print(
          "a disk is read-only: {}; mail is refused for the time being; the kernel's log says why, mount it "
          "writable "
          "again\n",
          space.places);
      none_full = false;
    }
    const auto state = state_of(space);
    if (state == DiskState::well) continue;
    const bool full = state == DiskState::full;
    fmt::print("{}: {}{}\n", full ? "a disk is full" : "a disk is nearly full", text_of(space),
               full ? "; mail is refused for the time being; make room, see operating(7)" : "");
    none_full = none_full && !full;
  }
  return none_full;
}

// What else keeps services that run from taking mail; false when something does.
bool show_refusals(const Config& config) {
  const auto reasons = why_mail_is_refused(config);
  for (const auto& reason : reasons) fmt::print("mail is refused for the time being: {}\n", reason);
  return reasons.empty();
}

// Mail that was accepted and is not delivered.
void show_damaged(const Config& config) {
  const mta::queue::Queue queue(config.path_of("queue"), config.path_of("run/job_controller"));
  const auto count = mta::queue::count_set_aside(queue);
  if (!count)
    fmt::print("{}\n", count.error().text);
  else if (*count > 0)
    fmt::print("{} damaged queue {} set aside and not delivered: imsimta qm damaged says what to do\n",
               *count, *count == 1 ? "file is" : "files are");
  // Those that stay where they are; the job controller meets them at each look at the tree.
  const auto answer = ask(config.path_of("run/job_controller"), Record("unreadable"), kAnswerMs);
  if (const auto unreadable = answer ? answer->number("count") : 0; unreadable > 0)
    fmt::print("{} queue {} cannot be read and {} not delivered: imsimta qm damaged says what to do\n",
               unreadable, unreadable == 1 ? "file or folder" : "files or folders",
               unreadable == 1 ? "is" : "are");
}

int show_status(const Record& status) {
  fmt::print("watcher runs, pid {}{}\n", status.get("watcher"),
             status.number("older") == 0 ? "" : "  older than its program: start-msg renews it");
  if (const auto trouble = status.get("journal"); !trouble.empty())
    fmt::print("nothing can be started anew: {}\n", trouble);
  const auto names = status.all("service"), states = status.all("state"), pids = status.all("pid"),
             seconds = status.all("seconds"), deaths = status.all("deaths"), troubles = status.all("trouble"),
             older = status.all("service_older"), silent = status.all("silent_s");
  bool all_run = true;
  for (std::size_t i = 0; i < names.size(); ++i) {
    all_run = all_run && states[i] == "running";
    fmt::print("  {:<16} {:<9}", names[i], states[i]);
    if (pids[i] != "0") fmt::print(" pid {:<8} for {} s", pids[i], seconds[i]);
    if (const auto quiet = i < silent.size() ? to_number<int>(silent[i]).value_or(0) : 0; quiet >= kSilentS) {
      fmt::print("  no sign of life for {} s: it hangs, or this host is very busy", quiet);
      all_run = false;
    }
    if (deaths[i] != "0") fmt::print("  died {} times, last: {}", deaths[i], troubles[i]);
    if (i < older.size() && older[i] == "1")
      fmt::print("  older than its program: start-msg --restart {}", names[i]);
    fmt::print("\n");
  }
  const auto restart = status.all("restart"), options = status.all("for");
  for (std::size_t i = 0; i < std::min(restart.size(), options.size()); ++i)
    fmt::print("{} runs with an earlier value of {}: start-msg --restart {}\n", restart[i], options[i],
               restart[i]);
  const bool helpers_live = show_silent_helpers(status);
  return all_run && helpers_live ? 0 : 1;
}

// What runs already, so that its part of the answer is not "nothing happened".
void show_running(const Record& status) {
  const auto names = status.all("service"), states = status.all("state"), pids = status.all("pid"),
             older = status.all("service_older");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (states[i] != "running") continue;
    fmt::print("  {:<16} runs      pid {}", names[i], pids[i]);
    if (i < older.size() && older[i] == "1")
      fmt::print("  older than its program: start-msg --restart {}", names[i]);
    fmt::print("\n");
  }
}

// After an upgrade the watcher that runs is still the old program: it becomes the new one, and what it keeps
// stays.
Result<Record> renewed(const std::string& root) {
  TRY(Record status, follow(root, Record("status"), {}));
  if (!status.has("version"))
    fmt::print(
        "  watcher          is an earlier version; it is the installed one after stop-msg and start-msg\n");
  if (status.number("older") == 0) return status;
  TRY_VOID(follow(root, Record("renew"), {}));
  TRY(status, follow(root, Record("status"), {}));
  if (status.number("older") != 0)
    return temporary("watcher could not become the installed program; see " + root + "/log/watcher.log");
  fmt::print("  watcher          renewed   pid {:<8} {}\n", status.get("watcher"), status.get("version"));
  return status;
}

Result<int> run(const CommandLine& line) {
  TRY(const std::string root, find_instance(line.get("instance")));
  TRY(const bool runs, watcher_runs(root));
  if (line.has("status")) {
    if (const auto names = runs ? std::string() : left_running(root); !names.empty()) {
      const auto config = Config::load(root);
      const auto others = config ? instance_journal_of_others(**config) : std::nullopt;
      fmt::print("watcher does not run in {}, but {}: start-msg {}, stop-msg stops them\n", root, names,
                 others ? "stops them and starts the programs that are installed" : "takes them over");
      if (others) fmt::print("{}\n", others->text);
      return 1;
    }
    if (!runs) {
      fmt::print("nothing runs in {}; start-msg starts it\n", root);
      return 3;
    }
    TRY(const Record status, follow(root, Record("status"), {}));
    int code = show_status(status);
    const auto config = Config::load(root);
    if (!config) return code;
    if (!show_disks(**config)) code = 1;
    if (!show_refusals(**config)) code = 1;
    show_damaged(**config);
    if (const auto warning = certificate_warning(**config); !warning.empty()) fmt::print("{}\n", warning);
    return code;
  }
  TRY(const auto config, Config::load(root));
  Record question(line.has("restart") ? "restart" : "start");
  for (const auto& word : line.words) question.set("name", word);
  if (line.has("restart") && line.words.empty()) return permanent("--restart needs the name of a service");
  const auto logs_before = log_sizes(root);
  if (!runs) TRY_VOID(launch_watcher(root, program_directory()));
  TRY(const Record before, renewed(root));
  TRY(const Record answer, follow(root, question, show_progress));
  if (answer.is("failed")) {
    explain_failure("start-msg", root, answer, logs_before);
    return 1;
  }
  if (!line.has("restart")) show_running(before);
  tell_errors(root, logs_before);
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
