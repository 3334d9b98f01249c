// configure(1): makes an instance: a sandbox for trying and testing, or a real one by questions.
#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "common/base/file.h"
#include "common/base/file_system.h"
#include "common/base/path.h"
#include "common/base/strings.h"
#include "common/base/version.h"
#include "tools/configure/directory_setup.h"
#include "tools/configure/first_run.h"
#include "tools/configure/instance.h"
#include "tools/configure/place.h"
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
    "       further: [--ldapport N] [--ssl] [--ldif] [--noldap] [--novalidate] [--debug] [--version]\n"
    "The first makes a private instance on loopback in DIR; the second asks what it has to know; the third\n"
    "takes the answers from a file and asks nothing.\n";

Result<std::string> absolute(const std::string& path) {
  TRY_VOID(make_directories(path, 0755));
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return std::unexpected(system_error(path, errno));
  return std::string(resolved);
}

void tell_file_system(const std::string& path) {
  const auto found = file_system_of(path);
  if (found.names == FileSystem::Names::in_order) return;
  fmt::print(
      "  note: {} lies on {}, which {} the order in which names were made when the power fails;\n  {}\n",
      path, found.kind, found.names == FileSystem::Names::unknown ? "may not keep" : "does not keep",
      kNamesAdvice);
}

// Who tries it out need not be alarmed of the disk of his laptop or container.
void tell_file_system_of_sandbox(const std::string& path) {
  const auto found = file_system_of(path);
  if (found.names == FileSystem::Names::in_order) return;
  fmt::print("  lies on {}: well for trying; which to choose for real mail is in journal(5)\n", found.kind);
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
  TRY_VOID(check_name(line.get("sandbox")));
  FirstRun first(line.get("sandbox"));
  TRY(const std::string root, absolute(line.get("sandbox")));
  TRY_VOID(check_empty(root));
  const Settings settings = sandbox_settings(root, *base, domain);
  fmt::print("sandbox in {}\n", root);
  TRY_VOID(make_instance(settings, stage));
  first.keep();
  tell_file_system_of_sandbox(root);
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

// What the command line says goes before the state file. Options of other releases that ask for what is
// always so
// (--preserveCritical: what the directory holds stays) or has no meaning here are taken without a word.
Result<> take_options(const CommandLine& line, Settings& settings) {
  if (line.has("dataroot")) settings.data_path = line.get("dataroot");
  settings.ldap_ssl = line.has("ssl");
  settings.ldif_only = line.has("ldif");
  settings.debug = line.has("debug");
  settings.no_directory = line.has("noldap");
  if (settings.no_directory && !line.has("state"))
    return permanent("--noldap wants the answers from a file: --state FILE");
  if (!line.has("ldapport")) return {};
  const auto port = to_number<int>(line.get("ldapport"));
  if (!port || *port < 1 || *port > 65535) return permanent("--ldapport must be a port, 1 to 65535");
  settings.ldap_port = *port;
  return {};
}

Result<Settings> read_answers(const CommandLine& line) {
  const bool validate = !line.has("novalidate");
  Settings settings;
  if (line.has("state")) {
    TRY(settings, read_state_file(line.get("state")));
    TRY_VOID(take_options(line, settings));
    if (!settings.ldap_url.empty()) settings.ldap_url = settings.complete_ldap_url(settings.ldap_url);
  } else {
    Settings defaults = default_settings();
    TRY_VOID(take_options(line, defaults));
    TRY(settings, ask_questions({std::cin, std::cout}, defaults,
                                [&](const Settings& s) { return validate ? try_directory(s) : Result<>(); }));
  }
  if (validate) TRY_VOID(check(settings));
  if (settings.ldap_url.empty() && (settings.ldif_only || settings.no_directory || settings.ldap_ssl))
    return permanent("--ldif, --noldap and --ssl are for a directory of the site's own, and none is named");
  // These whatever was wished: what is there is replaced.
  TRY_VOID(check_place(settings.data_path));
  TRY_VOID(check_user(settings.user));
  if (validate) TRY_VOID(try_directory(settings));
  return settings;
}

// Overwriting was agreed to: the templates are laid out anew, data and directory stay. The configuration that
// was published here waits in config.before, and comes back when there is none to take its place.
Result<> make_anew(const Settings& settings, const std::string& stage) {
  const std::string config = settings.data_path + "/config", before = config + ".before";
  FirstRun first(settings.data_path);
  if (file_exists(config)) first.keep();
  if (file_exists(config + "/built/mta.built")) {
    TRY_VOID(remove_tree(before));
    if (::rename(config.c_str(), before.c_str()) != 0)
      return std::unexpected(system_error("cannot rename " + config, errno));
  }
  TRY_VOID(remove_tree(config));
  auto made = make_instance(settings, stage);
  if (made) {
    first.keep();
    if (file_exists(before)) fmt::print("  the earlier configuration is in {}\n", before);
    return {};
  }
  TRY_VOID(remove_tree(config));
  if (file_exists(before) && ::rename(before.c_str(), config.c_str()) == 0)
    made.error().text += "\nThe earlier configuration stands as it was.";
  return made;
}

Result<> install(const CommandLine& line, const std::string& stage) {
  TRY(const Settings settings, read_answers(line));
  TRY_VOID(provide_user(settings));
  fmt::print("instance in {}\n", settings.data_path);
  TRY_VOID(make_anew(settings, stage));
  tell_file_system(settings.data_path);
  if (line.has("saveState")) TRY_VOID(replace_file(line.get("saveState"), state_text(settings), 0600));
  if (settings.ldif_only)
    fmt::print("\nFirst: have the entries added to the directory: ldapadd -c -H {} -D DN -W -f {}\n",
               settings.ldap_url, ldif_path(settings));
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
  const auto line =
      parse_command_line(argc, argv, {"sandbox=",       "port-base=", "domain=", "state=", "saveState=",
                                      "dataroot=",      "ldapport=",  "ssl",     "ldif",   "noldap",
                                      "novalidate",     "debug",      "version", "V",      "preserveCritical",
                                      "ignoreSendmail", "xml",        "noxml",   "noisc",  "help"});
  if (line && (line->has("version") || line->has("V"))) {
    fmt::print("configure: {} {}\n", kProduct, build_text());
    return 0;
  }
  if (line && line->has("help")) {
    fmt::print("{}", configure::kUsage);
    return 0;
  }
  const auto result = line ? configure::run(*line) : Result<>(std::unexpected(line.error()));
  if (result) return 0;
  fmt::print(stderr, "configure: {}\n", result.error().text);
  return 1;
}
