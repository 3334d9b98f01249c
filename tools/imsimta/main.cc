// imsimta(1): the operator's hand on the MTA.
#include <fmt/format.h>

#include <cstdio>

#include "common/base/strings.h"
#include "common/config/config.h"
#include "mta/policy/routines.h"
#include "tools/imsimta/command.h"
#include "tools/service/owner.h"

namespace waxwing::imsimta {
namespace {

void usage(std::FILE* out) {
  fmt::print(out, "usage: imsimta [--instance DIR] command [argument ...]\n\ncommands:\n");
  for (const auto& command : commands()) fmt::print(out, "  {:<12} {}\n", command.name, command.help);
  fmt::print(out, "\nimsimta command -help tells what a command takes; imsimta(1) tells all.\n");
}

const Command* find(std::string_view name) {
  for (const auto& command : commands())
    if (iequals(command.name, name)) return &command;
  return nullptr;
}

int run(std::vector<std::string> words) {
  std::string instance;
  while (!words.empty() && words[0].starts_with("--instance")) {
    if (words[0].starts_with("--instance=")) {
      instance = words[0].substr(11);
      words.erase(words.begin());
    } else if (words[0] == "--instance" && words.size() > 1) {
      instance = words[1];
      words.erase(words.begin(), words.begin() + 2);
    } else {
      fmt::print(stderr, "imsimta: --instance needs a directory\n");
      return 2;
    }
  }
  if (words.empty() || words[0] == "help" || words[0] == "--help" || words[0] == "-help") {
    usage(words.empty() ? stderr : stdout);
    return words.empty() ? 2 : 0;
  }
  const auto* command = find(words[0]);
  if (!command) {
    fmt::print(stderr, "imsimta: there is no command \"{}\"\n", printable(words[0]));
    usage(stderr);
    return 2;
  }
  Arguments arguments({words.begin() + 1, words.end()});
  if (arguments.take("help")) {
    fmt::print("usage: imsimta {}\n  {}\n", command->usage, command->help);
    return 0;
  }
  const auto root = find_instance(instance);
  if (!root) {
    fmt::print(stderr, "imsimta: {}\n", root.error().text);
    return 1;
  }
  if (const auto owner = become_owner_of(*root); !owner) {
    fmt::print(stderr, "imsimta: {}\n", owner.error().text);
    return 1;
  }
  mta::add_policy_routines();
  const auto code = command->run({*root}, std::move(arguments));
  if (code) return *code;
  fmt::print(stderr, "imsimta {}: {}\n", command->name, code.error().text);
  return code.error().fault == Fault::temporary ? 75 : 1;
}

}  // namespace
}  // namespace waxwing::imsimta

int main(int argc, char** argv) {
  return waxwing::imsimta::run({argv + 1, argv + argc});
}
