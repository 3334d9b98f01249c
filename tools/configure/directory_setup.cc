#include "tools/configure/directory_setup.h"

#include <fmt/core.h>
#include <unistd.h>

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

Result<DirectoryLines> prepare_private(const Settings& s, const std::string& stage) {
  const std::string helper = stage + "/lib/private-slapd";
  std::vector<std::string> prepare = {helper,   s.data_path, "prepare", "--suffix",
                                      s.suffix, "--domain",  s.domain};
  if (!s.user.empty()) prepare.insert(prepare.end(), {"--user", s.user});
  const bool fresh = !file_exists(s.data_path + "/directory/prepared");
  TRY_VOID(run_well(prepare));
  if (fresh) {
    const SecretFile ldif(s.data_path + "/directory/admin.ldif");
    TRY(const std::string text, admin_ldif(s));
    TRY_VOID(ldif.write(text));
    TRY_VOID(run_well({helper, s.data_path, "load", ldif.path()}));
    // slapadd ran as us; the server may run as somebody else.
    TRY_VOID(run_well(prepare));
  }
  DirectoryLines lines;
  TRY(lines.url, run_well({helper, s.data_path, "url"}));
  TRY(lines.options, run_well({helper, s.data_path, "settings"}));
  TRY(lines.secrets, run_well({helper, s.data_path, "secrets"}));
  lines.url = trim(lines.url);
  return lines;
}

// ldapadd -c goes on after "already exists" (68): what is there stays as it is.
Result<> add_entries(const Settings& s, const std::string& ldif_text) {
  const SecretFile ldif(s.data_path + "/config/.add.ldif");
  const SecretFile password(s.data_path + "/config/.add.password");
  TRY_VOID(ldif.write(ldif_text));
  TRY_VOID(password.write(s.bind_password));
  TRY(const Ended ended, run_program({"ldapadd", "-x", "-c", "-H", s.ldap_url, "-D", s.bind_dn, "-y",
                                      password.path(), "-f", ldif.path()},
                                     true));
  if (s.debug)
    fmt::print("ldapadd -x -c -H {} -D {}: status {}\n{}\n", s.ldap_url, s.bind_dn, ended.status,
               ended.output);
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
  std::string text = fmt::format("dn: uid=admin,ou=People,{}\n", s.domain_dn());
  for (const char* name : {"top", "person", "organizationalPerson", "inetOrgPerson", "inetUser",
                           "inetMailUser", "inetLocalMailRecipient", "ipUser"})
    text += fmt::format("objectClass: {}\n", name);
  text += fmt::format("uid: admin\ncn: Mail administrator\nsn: Administrator\nmail: admin@{}\n", s.domain);
  text += "mailDeliveryOption: mailbox\nmailUserStatus: active\ninetUserStatus: active\n";
  for (const char* scheme : {"SSHA512", "SCRAM-SHA-256"}) {
    TRY(const std::string value, auth::hash_password(scheme, s.admin_password));
    text += fmt::format("userPassword:: {}\n", to_base64(value));
  }
  return text + "\n";
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
