// imsimta program: which programs mail may be given to.
#include <fmt/format.h>

#include <algorithm>

#include "channels/pipe_master/program_list.h"
#include "common/base/strings.h"
#include "tools/imsimta/command.h"
#include "tools/imsimta/json.h"

namespace waxwing::imsimta {

namespace {

constexpr const char* kUsage =
    "program -l [-m method] [-json] | -a -m method -p program [-g arguments] [-e user|postmaster|account] | "
    "-c "
    "(same) | "
    "-d -m method";

struct Wishes {
  std::string method, program, arguments, account;
  bool with_arguments = false;
};

void show(const Context& context, const channels::ListedProgram& program, bool json) {
  const auto good = channels::check_program(channels::program_path(context.root, program.program));
  if (json)
    return JsonObject()
        .text("method", program.method)
        .text("account", program.account)
        .text("program", program.program)
        .text("arguments", join(program.arguments, " "))
        .text("trouble", good ? "" : good.error().text)
        .print();
  fmt::print("{:<16} {:<12} {} {}\n", program.method, program.account, program.program,
             join(program.arguments, " "));
  if (!good) fmt::print("  will not be run: {}\n", good.error().text);
}

int list(const Context& context, const std::vector<channels::ListedProgram>& programs,
         const std::string& method, bool json) {
  if (!json) fmt::print("{:<16} {:<12} {}\n", "Method", "Runs as", "Program");
  int shown = 0;
  for (const auto& program : programs)
    if (method.empty() || iequals(program.method, method)) show(context, program, json), ++shown;
  return shown > 0 || method.empty() ? 0 : 1;
}

Result<> apply(const Context& context, const Wishes& wishes, channels::ListedProgram& program) {
  if (!wishes.program.empty()) program.program = wishes.program;
  if (!wishes.account.empty()) program.account = wishes.account;
  if (wishes.with_arguments) {
    program.arguments.clear();
    for (const auto word : split_words(wishes.arguments)) program.arguments.emplace_back(word);
  }
  if (program.program.empty()) return permanent("which program? -p program");
  if (program.program.find_first_of(" \t") != std::string::npos)
    return permanent("the path of a program holds no blanks: put a link to it into site-programs");
  return channels::check_program(channels::program_path(context.root, program.program));
}

Result<int> change(const Context& context, char action, const Wishes& wishes,
                   std::vector<channels::ListedProgram> programs) {
  if (wishes.method.empty()) return permanent("which method? -m method");
  const auto at =
      std::ranges::find_if(programs, [&](const auto& row) { return iequals(row.method, wishes.method); });
  if (action == 'a') {
    if (at != programs.end()) return permanent("method " + wishes.method + " is there: change it with -c");
    programs.push_back({to_lower(wishes.method), "user", "", {}});
    TRY_VOID(apply(context, wishes, programs.back()));
  } else if (at == programs.end()) {
    return permanent("there is no method " + printable(wishes.method) + ": imsimta program -l shows them");
  } else if (action == 'd') {
    programs.erase(at);
  } else {
    TRY_VOID(apply(context, wishes, *at));
  }
  TRY_VOID(channels::write_program_list(context.root, programs));
  fmt::print("method {} is {}\n", to_lower(wishes.method),
             action == 'a'   ? "added"
             : action == 'd' ? "deleted"
                             : "changed");
  return 0;
}

}  // namespace

Result<int> run_program(const Context& context, Arguments arguments) {
  Wishes wishes;
  arguments.take_pair("m", wishes.method);
  arguments.take_pair("p", wishes.program);
  wishes.with_arguments = arguments.take_pair("g", wishes.arguments);
  arguments.take_pair("e", wishes.account);
  char action = ' ';
  for (const char letter : {'l', 'a', 'c', 'd'})
    if (arguments.take(std::string(1, letter))) action = letter;
  const bool json = action == 'l' && arguments.take("json");
  TRY_VOID(arguments.finish(kUsage));
  TRY(auto programs, channels::read_program_list(context.root));
  if (action == 'l') return list(context, programs, wishes.method, json);
  if (action == ' ') return permanent(std::string("want one of -l -a -c -d: imsimta ") + kUsage);
  return change(context, action, wishes, std::move(programs));
}

}  // namespace waxwing::imsimta
