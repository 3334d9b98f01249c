// imsimta reload, restart, refresh, start, stop: through watcher.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/daemon/server_tls.h"
#include "mta/config/build_file.h"
#include "mta/config/mta_config.h"
#include "tools/imsimta/command.h"
#include "tools/service/progress.h"
#include "tools/service/watcher_client.h"

namespace waxwing::imsimta {
namespace {

// "imapd  reloaded  imap.idletimeout; start-msg --restart imapd for imap.port"
void show_reloaded(const Record& progress) {
  const std::string name(progress.get("name")), later(progress.get("wants_restart"));
  std::string text(progress.get("changed"));
  if (progress.get("state") == "reloaded") {
    if (!later.empty())
      text += fmt::format("{}start-msg --restart {} for {}", text.empty() ? "" : "; ", name, later);
  } else if (progress.get("state") == "refused") {
    text = progress.get("trouble");
  } else {
    text = "has not answered; see log/" + name + ".log";
  }
  fmt::print("  {:<16} {:<9} {}\n", name,
             progress.get("state") == "refused" ? "REFUSED" : progress.get("state"), text);
  std::fflush(stdout);
}

// What was edited and not published has no effect, whatever the services say of their reload.
void tell_unpublished(const Context& context) {
  const auto edited = mta::read_sources(context.root);
  const auto build = mta::read_build(context.root);
  if (!edited || !build) return;
  const auto& published = build->sources.files();
  for (const auto& [name, text] : edited->files())
    if (const auto at = published.find(name); at == published.end() || at->second != text)
      fmt::print(stderr,
                 "imsimta reload: warning: config/{} was changed after the last imsimta cnbuild: it has no "
                 "effect yet\n",
                 name);
}

// Services read no more than a header when they reload: a database that is damaged further in would be found by the
// mail that needs it.
Result<> check_databases(const Context& context) {
  const auto published = mta::MtaConfig::load(context.root);
  if (!published) return {};  // the services tell
  auto checked = (*published)->databases().check();
  if (!checked) return permanent("nothing was asked to reload: " + checked.error().text);
  return {};
}

constexpr const char* kMtaServices[] = {"dispatcher", "metermaid", "job_controller"};

Result<> need_watcher(const Context& context) {
  TRY(auto runs, watcher_runs(context.root));
  if (const auto names = runs ? std::string() : left_running(context.root); !names.empty())
    return temporary("watcher does not run, but " + names + "; start-msg takes them over");
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
  TRY_VOID(check_databases(context));
  std::size_t told = 0;
  TRY(auto answer, follow(context.root, Record("reload"), [&](const Record& progress) {
        ++told;
        show_reloaded(progress);
      }));
  if (told == 0) fmt::print("watcher has read msg.conf; no service runs\n");
  tell_unpublished(context);
  if (const auto config = Config::load(context.root))
    if (const auto warning = certificate_warning(**config); !warning.empty())
      fmt::print(stderr, "imsimta reload: warning: {}\n", warning);
  return answer.is("failed") ? 75 : 0;
}

}  // namespace waxwing::imsimta
