#include "tools/configure/directory_setup.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/auth/password.h"
#include "common/base/file.h"
#include "common/base/strings.h"
#include "tools/service/run_program.h"

namespace waxwing::configure {

namespace {

// A file that only we may read and that is gone at the end of the scope.
class SecretFile {
 public:
  explicit SecretFile(std::string path) : path_(std::move(path)) {}
  ~SecretFile() { ::unlink(path_.c_str()); }
  SecretFile(const SecretFile&) = delete;
  Result<> write(std::string_view text) const { return replace_file(path_, text, 0600); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A secret that a program reads as a file and that no disk sees.
class SecretInMemory {
 public:
  static Result<SecretInMemory> make(const std::string& text) {
    SecretInMemory secret;
    secret.fd_.reset(::memfd_create("secret", 0));  // inherited by the program
    if (!secret.fd_) return std::unexpected(system_error("cannot make a file in memory", errno));
    ::fchmod(secret.fd_.get(), 0600);
    TRY_VOID(write_all(secret.fd_.get(), text));
    return secret;
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

 private:
  UniqueFd fd_;
};

std::string admin_dn(const Settings& s) {
  return "uid=admin,ou=People," + s.domain_dn();
}

Result<std::string> password_lines(const Settings& s) {
  std::string text;
  for (const char* scheme : {"SSHA512", "SCRAM-SHA-256"}) {
    TRY(const std::string value, auth::hash_password(scheme, s.admin_password));
    text += fmt::format("userPassword:: {}\n", to_base64(value));
  }
  return text;
}

// The server of an instance while it is stopped.
class PrivateServer {
 public:
  PrivateServer(const Settings& s, const std::string& stage) : s_(s), helper_(stage + "/lib/private-slapd") {}

  Result<> prepare() const {
    std::vector<std::string> command = {helper_,   s_.data_path, "prepare", "--suffix",
                                        s_.suffix, "--domain",   s_.domain};
    if (!s_.user.empty()) command.insert(command.end(), {"--user", s_.user});
    TRY_VOID(run_well(command));
    return {};
  }
  // The DNs of the entries that fit, a line each.
  Result<std::string> find(const std::string& filter) const {
    return run_well({helper_, s_.data_path, "find", filter});
  }
  Result<> give(const char* how, const std::string& text) const {
    const SecretFile ldif(s_.data_path + "/directory/configure.ldif");
    TRY_VOID(ldif.write(text));
    TRY_VOID(run_well({helper_, s_.data_path, how, ldif.path()}));
    return {};
  }
  Result<std::string> ask(const char* what) const { return run_well({helper_, s_.data_path, what}); }

 private:
  const Settings& s_;
  std::string helper_;
};

bool has_line(std::string_view lines, std::string_view wanted) {
  for (const auto line : split(lines, '\n'))
    if (iequals(trim(line), wanted)) return true;
  return false;
}

// The domain and the account may be there from an earlier time: the password is the one given now.
Result<> provide_entries(const PrivateServer& server, const Settings& s) {
  TRY(const auto domains, server.find("(sunPreferredDomain=" + s.domain + ")"));
  if (!trim(domains).empty() && !has_line(domains, s.domain_dn()))
    return permanent("the domain " + s.domain +
                     " belongs to another entry already: " + std::string(trim(domains)));
  TRY(const auto admins, server.find("(uid=admin)"));
  if (has_line(admins, admin_dn(s))) {
    TRY(const auto password, password_lines(s));
    return server.give(
        "change", "dn: " + admin_dn(s) + "\nchangetype: modify\nreplace: userPassword\n" + password + "\n");
  }
  TRY(const auto admin, admin_ldif(s));
  return server.give("load", (trim(domains).empty() ? domain_ldif(s) : "") + admin);
}

Result<DirectoryLines> prepare_private(const Settings& s, const std::string& stage) {
  const PrivateServer server(s, stage);
  TRY_VOID(server.prepare());
  TRY_VOID(provide_entries(server, s));
  DirectoryLines lines;
  TRY(lines.url, server.ask("url"));
  TRY(lines.options, server.ask("settings"));
  TRY(lines.secrets, server.ask("secrets"));
  lines.url = trim(lines.url);
  return lines;
}

// One of the commands of ldap-utils, bound as the administrator.
Result<Ended> run_ldap(const Settings& s, const char* command, const std::vector<std::string>& words) {
  TRY(const auto password, SecretInMemory::make(s.bind_password));
  std::vector<std::string> line = {command, "-x", "-H", s.ldap_url, "-D", s.bind_dn, "-y", password.path()};
  line.insert(line.end(), words.begin(), words.end());
  TRY(Ended ended, run_program(line, true));
  if (s.debug)
    fmt::print("{} -x -H {} -D {} {}: status {}\n{}\n", command, s.ldap_url, s.bind_dn, join(words, " "),
               ended.status, ended.output);
  if (ended.status == 127)
    return permanent(std::string("cannot run ") + command + "; install the package ldap-utils");
  return ended;
}

// ldapadd -c goes on after "already exists" (68): what is there stays as it is.
Result<> add_entries(const Settings& s, const std::string& ldif_text) {
  TRY(const auto ldif, SecretInMemory::make(ldif_text));
  TRY(const Ended ended, run_ldap(s, "ldapadd", {"-c", "-f", ldif.path()}));
  if (ended.status == 68)
    fmt::print(
        "  entries that the directory had stay as they are, with the password of admin if he was there\n");
  if (ended.status == 0 || ended.status == 68) return {};
  return permanent("the directory at " + s.ldap_url +
                   " did not take the entries: " + std::string(trim(ended.output)));
}

// The one with the rights to it adds them later.
Result<> write_ldif(const Settings& s, const std::string& entries) {
  const auto path = ldif_path(s);
  TRY_VOID(make_directories(s.data_path + "/install"));
  return replace_file(path, entries, 0600);
}

}  // namespace

std::string ldif_path(const Settings& s) {
  return s.data_path + "/install/configure.ldif";
}

std::string domain_ldif(const Settings& s) {
  std::string text = fmt::format("dn: {}\n", s.domain_dn());
  for (const char* name :
       {"top", "organization", "sunManagedOrganization", "sunNameSpace", "inetDomainAuthInfo", "mailDomain"})
    text += fmt::format("objectClass: {}\n", name);
  text += fmt::format(
      "o: {0}\nsunPreferredDomain: {0}\ninetDomainStatus: active\nmailDomainStatus: active\n\n", s.domain);
  for (const char* unit : {"People", "Groups"})
    text += fmt::format("dn: ou={0},{1}\nobjectClass: top\nobjectClass: organizationalUnit\nou: {0}\n\n",
                        unit, s.domain_dn());
  return text;
}

Result<std::string> admin_ldif(const Settings& s) {
  std::string text = fmt::format("dn: {}\n", admin_dn(s));
  for (const char* name : {"top", "person", "organizationalPerson", "inetOrgPerson", "inetUser",
                           "inetMailUser", "inetLocalMailRecipient", "ipUser"})
    text += fmt::format("objectClass: {}\n", name);
  text += fmt::format("uid: admin\ncn: Mail administrator\nsn: Administrator\nmail: admin@{}\n", s.domain);
  text += "mailDeliveryOption: mailbox\nmailUserStatus: active\ninetUserStatus: active\n";
  TRY(const auto password, password_lines(s));
  return text + password + "\n";
}

Result<> try_directory(const Settings& s) {
  if (s.ldap_url.empty() || s.ldif_only || s.no_directory) return {};
  TRY(const Ended ended,
      run_ldap(s, "ldapsearch", {"-LLL", "-o", "nettimeout=10", "-s", "base", "-b", s.suffix, "1.1"}));
  if (ended.status == 0) return {};
  const std::string said(trim(ended.output));
  if (ended.status == 32) return permanent("the directory at " + s.ldap_url + " has no entry " + s.suffix);
  if (ended.status == 49)
    return permanent("the directory at " + s.ldap_url + " does not take this DN and password");
  return permanent("the directory at " + s.ldap_url + " does not answer as it should: " + said);
}

Result<DirectoryLines> set_up_directory(const Settings& s, const std::string& stage) {
  if (s.ldap_url.empty()) return prepare_private(s, stage);
  if (!s.no_directory) {
    TRY(const std::string admin, admin_ldif(s));
    const auto entries = domain_ldif(s) + admin;
    if (s.ldif_only) {
      TRY_VOID(write_ldif(s, entries));
    } else {
      TRY_VOID(add_entries(s, entries));
    }
  }
  DirectoryLines lines;
  lines.url = s.ldap_url;
  lines.options = fmt::format(
      "directory.urls = {}\ndirectory.basedn = {}\ndirectory.binddn = {}\ndirectory.admindn = {}\n",
      s.ldap_url, s.suffix, s.bind_dn, s.bind_dn);
  lines.secrets =
      fmt::format("directory.bindpassword = {0}\ndirectory.adminpassword = {0}\n", s.bind_password);
  return lines;
}

}  // namespace waxwing::configure
