#include "tools/configure/instance.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/file.h"
#include "common/net/tls.h"
#include "tools/configure/directory_setup.h"
#include "tools/configure/folders.h"
#include "tools/configure/state_file.h"
#include "tools/service/run_program.h"

namespace waxwing::configure {

namespace {

Result<> make_folders(const Settings& s) {
  TRY_VOID(make_directories(s.data_path, 0755));
  for (const auto& folder : kInstanceFolders)
    if (folder.laid_out)
      TRY_VOID(make_directories(s.data_path + "/" + std::string(folder.name), folder.mode));
  return {};
}

// Every file below from, to the same place below to. What an operator may have changed is not written over.
Result<> copy_templates(const Settings& s, const std::string& from, const std::string& to) {
  TRY_VOID(make_directories(to));
  TRY(auto names, list_directory(from));
  std::ranges::sort(names);
  for (const std::string& name : names) {
    struct stat info {};
    if (::stat((from + "/" + name).c_str(), &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) {
      TRY_VOID(copy_templates(s, from + "/" + name, to + "/" + name));
    } else if (!file_exists(to + "/" + name)) {
      TRY(std::string text, read_file(from + "/" + name));
      TRY_VOID(replace_file(to + "/" + name, fill_template(std::move(text), s)));
    }
  }
  return {};
}

Result<> write_configuration(const Settings& s, const std::string& stage) {
  const std::string config = s.data_path + "/config";
  TRY_VOID(copy_templates(s, stage + "/etc/config", config));
  if (!s.sandbox) return {};
  // Two domains for measuring: one whose mail is queued and held, one whose mail is thrown away.
  return replace_file(config + "/local.rules",
                      "! Rewrite rules of this site; imta.cnf includes this file. See imta.cnf(5).\n"
                      "hold.test                  $U%$D@hold-daemon\n"
                      "discard.test               $U%$D@bitbucket-daemon\n");
}

void say(const std::string& step) {
  fmt::print("  {}\n", step);
  std::fflush(stdout);
}

Result<> make_certificate(const Settings& s) {
  const TlsCertificate files{s.data_path + "/tls/server.pem", s.data_path + "/tls/server.key"};
  if (file_exists(files.certificate_file)) {
    const auto fits = certificate_is_for(files.certificate_file, s.host_name);
    if (!fits)
      say(fits.error().text);
    else
      say(*fits ? "the certificate that was in " + s.data_path + "/tls"
                : files.certificate_file + " is not for " + s.host_name + ": replace it");
    return {};
  }
  std::vector<std::string> names = {s.host_name, s.domain};
  if (s.sandbox) names.insert(names.end(), {"localhost", "127.0.0.1"});
  TRY_VOID(make_self_signed(names, files));
  say("self-signed certificate in " + s.data_path + "/tls");
  return {};
}

// In the place of an earlier link, and of nothing else.
Result<> make_link(const std::string& target, const std::string& link) {
  struct stat info {};
  if (::lstat(link.c_str(), &info) == 0 && !S_ISLNK(info.st_mode))
    return permanent(link + " is there and is no link of ours; move it away, then run configure again");
  ::unlink(link.c_str());
  if (::symlink(target.c_str(), link.c_str()) == 0) return {};
  return std::unexpected(system_error("cannot link " + link, errno));
}

// The instance's own bin: links to the installed programs, which find the instance by them; and their manual.
Result<> link_commands(const Settings& s, const std::string& stage) {
  TRY(const auto names, list_directory(stage + "/bin"));
  for (const std::string& name : names)
    TRY_VOID(make_link(stage + "/bin/" + name, s.data_path + "/bin/" + name));
  return make_link(stage + "/man", s.data_path + "/man");
}

// /opt/waxwing/config leads to the instance, by which the commands there find it (find_instance).
void link_installation(const Settings& s, const std::string& stage) {
  const std::string link = stage + "/config";
  struct stat info {};
  if (::lstat(link.c_str(), &info) == 0 && !S_ISLNK(info.st_mode)) return;
  if (const auto made = make_link(s.data_path + "/config", link); !made)
    fmt::print(stderr, "configure: {}; use the commands in {}/bin\n", made.error().text, s.data_path);
}

}  // namespace

Result<> make_instance(const Settings& s, const std::string& stage) {
  TRY_VOID(make_folders(s));
  TRY_VOID(write_configuration(s, stage));
  say("configuration in " + s.data_path + "/config");
  TRY_VOID(make_certificate(s));
  TRY(const DirectoryLines directory, set_up_directory(s, stage));
  say("directory at " + directory.url + " with domain " + s.domain + " and account admin");
  TRY_VOID(replace_file(s.data_path + "/config/secrets.conf", directory.secrets, 0600));
  TRY_VOID(replace_file(s.data_path + "/config/msg.conf", msg_conf_text(s) + directory.options, 0644));
  TRY_VOID(link_commands(s, stage));
  if (!s.user.empty() && ::geteuid() == 0) {
    TRY_VOID(run_well({"chown", "-R", s.user, s.data_path}));
  }
  TRY_VOID(run_well({s.data_path + "/bin/imsimta", "cnbuild"}));
  say("MTA configuration checked and published");
  if (!s.sandbox) {
    link_installation(s, stage);
    TRY_VOID(replace_file(s.data_path + "/config/saveState", state_text(s), 0600));
    say("answers saved in " + s.data_path + "/config/saveState");
    return {};
  }
  TRY_VOID(replace_file(s.data_path + "/bench.env", bench_env_text(s), 0644));
  return replace_file(s.data_path + "/env", env_text(s, directory.url), 0600);
}

}  // namespace waxwing::configure
