#include "tools/imsimta/qm.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include "common/base/strings.h"
#include "common/config/config.h"
#include "common/daemon/instance_journal.h"
#include "mta/config/build_file.h"
#include "mta/config/imta_cnf.h"
#include "tools/imsimta/line_editor.h"
#include "tools/options/option_file.h"

namespace waxwing::imsimta {

namespace {

Result<int> run_one(const Context& context, Arguments arguments) {
  const auto verb = arguments.take_word();
  const auto* command = find_qm_command(verb);
  if (command == nullptr)
    return permanent("qm has no command " + printable(verb) + "; imsimta qm help lists them");
  return command->run(context, std::move(arguments));
}

// One line of a session. True: it is over. An error is printed, and the next line read.
bool run_line(const Context& context, std::string_view line, int& status) {
  auto words = qm_words(line);
  if (words && words->empty()) return false;
  if (words && (iequals(words->front(), "exit") || iequals(words->front(), "quit"))) return true;
  const auto outcome =
      words ? run_one(context, Arguments(std::move(*words))) : Result<int>(std::unexpected(words.error()));
  if (!outcome) std::fprintf(stderr, "%%QM-E-ERROR, %s\n", outcome.error().text.c_str());
  status = outcome ? *outcome : 1;
  std::fflush(stdout);
  return false;
}

// Those that imta.cnf has as published, and those that have a queue.
std::vector<std::string> channel_names(const Context& context) {
  auto names = open_queue(context)->channels().value_or(std::vector<std::string>());
  if (const auto build = mta::read_build(context.root)) {
    std::vector<std::string> errors, warnings;
    const auto imta = mta::parse_imta_cnf(build->sources, errors, warnings);
    for (const auto& channel : imta.channels) names.push_back(channel.name());
  }
  return names;
}

int run_session(const Context& context) {
  std::vector<std::string> usages{"exit", "quit"};
  for (const auto& command : qm_commands()) usages.emplace_back(command.usage);
  LineEditor editor("qm> ", context.root + "/run/qm_history." + std::to_string(::getuid()),
                    [&](std::string_view before) {
                      return complete_typed(before, usages, [&] { return channel_names(context); });
                    });
  int status = 0;
  while (const auto line = editor.read())
    if (run_line(context, *line, status)) break;
  return status;
}

// What is changed while the job controller does not run is changed here.
Result<> open_journal_of(const Context& context) {
  TRY(const auto config, load_for_tool(context.root, "imsimta qm", {"journal.", "store.partition."}));
  return open_instance_journal_until_exit(*config);
}
}  // namespace

Result<int> run_qm(const Context& context, Arguments arguments) {
  TRY_VOID(open_journal_of(context));
  if (arguments.rest().empty()) return run_session(context);
  return run_one(context, std::move(arguments));
}

Result<int> run_qclean(const Context& context, Arguments arguments) {
  TRY_VOID(open_journal_of(context));
  return qm_clean(context, std::move(arguments));
}

// A file of commands may name another, but not for ever.
Result<int> qm_run(const Context& context, Arguments arguments) {
  constexpr int kMostFiles = 10;
  static int depth = 0;
  const auto path = arguments.take_word();
  TRY_VOID(arguments.finish(qm_usage("run")));
  if (path.empty()) return permanent("which file? " + qm_usage("run"));
  if (depth >= kMostFiles) return permanent("files of commands name each other too deep: " + printable(path));
  std::ifstream file(path);
  if (!file) return std::unexpected(system_error("cannot read " + printable(path), errno));
  ++depth;
  int status = 0, worst = 0;
  for (std::string line; std::getline(file, line);) {
    if (run_line(context, line, status)) break;
    worst = std::max(worst, status);
  }
  --depth;
  return worst;
}

}  // namespace waxwing::imsimta
