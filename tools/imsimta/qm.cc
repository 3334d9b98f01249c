#include "tools/imsimta/qm.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "common/base/strings.h"
#include "common/config/config.h"
#include "common/daemon/instance_journal.h"
#include "tools/options/option_file.h"

namespace waxwing::imsimta {

namespace {

constexpr const char* kHelp =
    "directory [-held] [-envelope] [-file_info] [-from=text] [-to=text] [-match=and|or] [-total] [-json] "
    "[channel]\n"
    "summarize [-directory_tree|-database] [-heading|-noheading] [-held] [-trailing|-notrailing] [-json]\n"
    "top [-by=host|domain|sender|age|status...] [-top=n] [-interval=seconds] [-once] [-json] [channel]\n"
    "clean [-from=] [-to=] [-subject=] [-domain_to=] [-content=] [-match=and|or] [-delete|-hold] [channel]\n"
    "read [-content] [-channel=name] id...\n"
    "hold, release, return, delete [-channel=name] [-all] [-confirm|-noconfirm] [-log|-nolog] [id...]\n"
    "start channel, stop channel\n"
    "help, exit, quit\n"
    "An id is a number of the last directory listing, a range (1-4,7) or the name of a message file.\n";

Result<int> run_one(const Context& context, Arguments arguments) {
  const auto verb = to_lower(arguments.take_word());
  if (verb == "directory") return qm_directory(context, std::move(arguments));
  if (verb == "summarize") return qm_summarize(context, std::move(arguments));
  if (verb == "top") return qm_top(context, std::move(arguments));
  if (verb == "clean") return qm_clean(context, std::move(arguments));
  if (verb == "read") return qm_read(context, std::move(arguments));
  if (verb == "hold" || verb == "release" || verb == "return" || verb == "delete")
    return qm_change(context, verb, std::move(arguments));
  if (verb == "start" || verb == "stop") return qm_channel(context, verb, std::move(arguments));
  if (verb == "help") {
    std::fputs(kHelp, stdout);
    return 0;
  }
  return permanent("qm has no command " + printable(verb) + "; it has:\n" + kHelp);
}

// Commands from standard input until exit or its end. An error is printed, and the next line read.
int run_session(const Context& context) {
  const bool prompt = ::isatty(STDIN_FILENO) != 0;
  int status = 0;
  std::string line;
  for (;;) {
    if (prompt) std::fputs("qm> ", stdout), std::fflush(stdout);
    if (!std::getline(std::cin, line)) return status;
    std::vector<std::string> words;
    for (const auto word : split_words(line)) words.emplace_back(word);
    if (words.empty()) continue;
    if (iequals(words[0], "exit") || iequals(words[0], "quit")) return status;
    const auto outcome = run_one(context, Arguments(std::move(words)));
    if (!outcome) std::fprintf(stderr, "%%QM-E-ERROR, %s\n", outcome.error().text.c_str());
    status = outcome ? *outcome : 1;
    std::fflush(stdout);
  }
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

}  // namespace waxwing::imsimta
