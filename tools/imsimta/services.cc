// imsimta reload, restart, refresh, start, stop: through watcher.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "tools/imsimta/command.h"
#include "tools/service/progress.h"
#include "tools/service/watcher_client.h"

namespace waxwing::imsimta {
namespace {

constexpr const char* kMtaServices[] = {"dispatcher", "job_controller"};

Result<> need_watcher(const Context& context) {
  TRY(auto runs, watcher_runs(context.root));
  if (!runs)
    return temporary("the services of " + context.root + " are not running; start them with start-msg");
  return {};
}

Result<int> ask(const Context& context, const std::string& verb, Arguments& arguments) {
  Record question(verb);
  bool named = false;
  for (auto name = arguments.take_word(); !name.empty(); name = arguments.take_word()) {
    question.set("name", name);
    named = true;
  }
  TRY_VOID(arguments.finish(verb + " [service ...]"));
  TRY_VOID(need_watcher(context));
  if (!named)
    for (const auto* name : kMtaServices) question.set("name", name);
  const auto logs_before = log_sizes(context.root);
  TRY(const auto answer, follow(context.root, question, show_progress));
  if (!answer.is("failed")) return 0;
  explain_failure("imsimta " + verb, context.root, answer, logs_before);
  return 75;
}

}  // namespace

Result<int> run_restart(const Context& context, Arguments arguments) {
  return ask(context, "restart", arguments);
}
Result<int> run_start(const Context& context, Arguments arguments) {
  return ask(context, "start", arguments);
}
Result<int> run_stop(const Context& context, Arguments arguments) {
  return ask(context, "stop", arguments);
}

Result<int> run_refresh(const Context& context, Arguments arguments) {
  TRY(auto code, run_cnbuild(context, Arguments({})));
  if (code != 0) return code;
  return ask(context, "restart", arguments);
}

Result<int> run_reload(const Context& context, Arguments arguments) {
  TRY_VOID(arguments.finish("reload"));
  TRY_VOID(need_watcher(context));
  TRY(auto answer, follow(context.root, Record("reload"), show_progress));
  if (answer.is("failed")) return permanent(std::string(answer.get("text")));
  fmt::print("reloaded\n");
  return 0;
}

}  // namespace waxwing::imsimta
