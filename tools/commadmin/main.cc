// commadmin: makes, changes, removes and lists users, domains and groups in the directory (Schema 2).
// Exit codes: 0 done, 1 refused, 64 wrong usage, 75 the directory cannot be reached.
#include <csignal>
#include <iostream>

#include "common/base/strings.h"
#include "mta/config/mta_config.h"
#include "tools/commadmin/commands.h"
#include "tools/options/option_file.h"

namespace {
using namespace waxwing;
using namespace waxwing::commadmin;

constexpr int kUsage = 64, kTemporary = 75;

int fail(const Error& error, int code = 0) {
  std::cerr << "commadmin: " << error.text << "\n";
  if (code != 0) return code;
  return error.fault == Fault::temporary ? kTemporary : 1;
}

// Mail for somebody with a delivery option that the MTA does not have waits with its sender. Without a
// published configuration nobody knows which there are.
Result<> check_delivery(const std::string& root, const Arguments& arguments) {
  const auto& wanted = arguments.all("delivery");
  const auto mta = wanted.empty() ? temporary("") : mta::MtaConfig::load(root);
  if (!mta) return {};
  for (const auto& name : wanted) {
    if (name.empty() || (*mta)->delivery_options().find(name)) continue;
    std::string there;
    for (const auto& option : (*mta)->delivery_options().all())
      there += (there.empty() ? "" : ", ") + option.name;
    return permanent("--delivery " + printable(name) + ": DELIVERY_OPTIONS has no such option; there are " +
                     there);
  }
  return {};
}

Result<std::string> act(const Arguments& arguments) {
  TRY(const auto root, find_instance(arguments.get("instance")));
  TRY(const auto config,
      load_for_tool(root, "commadmin", {"directory.", "auth.newpassword", "local.defaultdomain"}));
  TRY_VOID(check_delivery(root, arguments));
  TRY(const auto settings, directory::Settings::from(*config));
  if (settings.schema != 2)
    return permanent(
        "directory.schema is 1: commadmin writes Schema 2 only; change a DC tree with LDAP tools");
  auto dn = config->text("directory.admindn"), password = config->text("directory.adminpassword");
  if (dn.empty()) {
    dn = settings.bind_dn;
    password = settings.bind_password;
  }
  TRY(auto editor, directory::Editor::open(settings, dn, password));
  Session session{arguments, *config, settings, std::move(editor)};
  const auto& actions = arguments.object == "user"     ? kUserActions
                        : arguments.object == "domain" ? kDomainActions
                                                       : kGroupActions;
  if (arguments.action == "create") return actions.create(session);
  if (arguments.action == "modify") return actions.modify(session);
  if (arguments.action == "delete") return actions.remove(session);
  return actions.search(session);
}
}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "--help" || words[0] == "help") {
    std::cout << usage();
    return words.empty() ? kUsage : 0;
  }
  const auto arguments = parse_arguments(words);
  if (!arguments) return fail(arguments.error(), kUsage);
  const auto answer = act(*arguments);
  if (!answer) return fail(answer.error());
  std::cout << *answer << std::flush;
  return std::cout ? 0 : 1;
}
