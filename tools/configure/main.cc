// configure(1): makes an instance: a sandbox for trying and testing, or a real one by questions.
#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <iostream>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "tools/configure/instance.h"
#include "tools/configure/questions.h"
#include "tools/configure/state_file.h"
#include "tools/service/command_line.h"
#include "tools/service/run_program.h"

namespace waxwing::configure {
namespace {

constexpr const char* kUsage =
    "usage: configure --sandbox DIR [--port-base N] [--domain D]\n"
    "       configure [--dataroot DIR] [--saveState FILE]\n"
    "       configure --state FILE [--saveState FILE]\n"
    "The first makes a private instance on loopback in DIR; the second asks what it has to know; the third\n"
    "takes the answers from a file and asks nothing.\n";

void hide_typing(bool hidden) {
  termios modes{};
  if (::tcgetattr(STDIN_FILENO, &modes) != 0) return;
  modes.c_lflag = hidden ? modes.c_lflag & ~static_cast<tcflag_t>(ECHO) : modes.c_lflag | ECHO;
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &modes);
}

Result<std::string> absolute(const std::string& path) {
  TRY_VOID(make_directories(path, 0755));
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return std::unexpected(system_error(path, errno));
  return std::string(resolved);
}

Result<> make_sandbox(const CommandLine& line, const std::string& stage) {
  const auto base = to_number<int>(line.get("port-base", "20000"));
  if (!base || *base < 1024 || *base > 65500)
    return permanent("--port-base must be a number from 1024 to 65500");
  const std::string domain = line.get("domain", "example.test");
  if (const auto wrong = wrong_with_domain(domain); !wrong.empty()) return permanent("--domain: " + wrong);
  if (file_exists(line.get("sandbox") + "/config/msg.conf"))
    return permanent(line.get("sandbox") +
                     " holds an instance already; stop it and remove it first, or choose another folder");
  TRY(const std::string root, absolute(line.get("sandbox")));
  const Settings settings = sandbox_settings(root, *base, domain);
  fmt::print("sandbox in {}\n", root);
  TRY_VOID(make_instance(settings, stage));
  fmt::print("ports {} to {}; next:  . {} && start-msg\n", settings.ports.smtp, settings.ports.dns,
             quoted(root + "/env"));
  return {};
}

// "Creates the user and the group if need be."
Result<> provide_user(const Settings& settings) {
  if (settings.user.empty() || ::getpwnam(settings.user.c_str()) != nullptr) return {};
  if (::geteuid() != 0)
    return permanent("there is no user '" + settings.user +
                     "', and only root can make one; run configure as root");
  if (!settings.group.empty()) {
    TRY_VOID(run_well({"groupadd", "--system", "--force", settings.group}));
    TRY_VOID(run_well({"useradd", "--system", "--gid", settings.group, "--home-dir", settings.data_path,
                       "--shell", "/usr/sbin/nologin", settings.user}));
    return {};
  }
  TRY_VOID(run_well({"useradd", "--system", "--home-dir", settings.data_path, "--shell", "/usr/sbin/nologin",
                     settings.user}));
  return {};
}

// What is laid out belongs to the service user afterwards, and config/ is made anew: not in somebody's home.
Result<> check_folder(const std::string& folder) {
  constexpr std::string_view kOurs[] = {"bin",   "config", "directory", "journal", "log",       "man",
                                        "queue", "run",    "store",     "tls",     "lost+found"};
  if (!file_exists(folder) || file_exists(folder + "/config/msg.conf")) return {};
  TRY(const auto names, list_directory(folder));
  for (const std::string& name : names)
    if (std::ranges::find(kOurs, name) == std::end(kOurs))
      return permanent(folder + " holds other things ('" + printable(name) +
                       "') and no instance; choose an empty folder");
  return {};
}

Result<> install(const CommandLine& line, const std::string& stage) {
  Settings settings;
  if (line.has("state")) {
    TRY(settings, read_state_file(line.get("state")));
  } else {
    Settings defaults = default_settings();
    if (line.has("dataroot")) defaults.data_path = line.get("dataroot");
    TRY(settings, ask_questions({std::cin, std::cout, hide_typing}, defaults));
  }
  TRY_VOID(check(settings));
  TRY_VOID(check_folder(settings.data_path));
  TRY_VOID(provide_user(settings));
  fmt::print("instance in {}\n", settings.data_path);
  // Overwriting was agreed to: the templates are laid out anew, data and directory stay.
  TRY_VOID(remove_tree(settings.data_path + "/config"));
  TRY_VOID(make_instance(settings, stage));
  if (line.has("saveState")) TRY_VOID(replace_file(line.get("saveState"), state_text(settings), 0600));
  fmt::print(
      "\nNext: {0}/bin/start-msg\n"
      "Then: replace the self-signed certificate in {0}/tls; add users with {0}/bin/commadmin.\n"
      "A mail server that this host came with (exim4, postfix) keeps port 25: stop and disable it first.\n",
      settings.data_path);
  return {};
}

Result<> run(const CommandLine& line) {
  const std::string bin = program_directory();
  const std::string stage = bin.substr(0, bin.rfind('/'));
  if (!file_exists(stage + "/etc/config/imta.cnf"))
    return permanent("no templates in " + stage +
                     "/etc/config; run configure from an installed tree (make stage)");
  ::umask(077);
  if (!line.words.empty())
    return permanent("'" + line.words[0] + "' is not understood; --help shows what is");
  return line.has("sandbox") ? make_sandbox(line, stage) : install(line, stage);
}

}  // namespace
}  // namespace waxwing::configure

int main(int argc, char** argv) {
  using namespace waxwing;
  const auto line = parse_command_line(
      argc, argv, {"sandbox=", "port-base=", "domain=", "state=", "saveState=", "dataroot=", "help"});
  if (line && line->has("help")) {
    fmt::print("{}", configure::kUsage);
    return 0;
  }
  const auto result = line ? configure::run(*line) : Result<>(std::unexpected(line.error()));
  if (result) return 0;
  fmt::print(stderr, "configure: {}\n", result.error().text);
  return 1;
}
