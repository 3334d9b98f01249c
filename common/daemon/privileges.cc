#include "common/daemon/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "common/log/log.h"

namespace waxwing {

namespace {
struct User {
  std::string name;
  uid_t uid;
  gid_t gid;
  bool known;  // to this host
};

constexpr unsigned kBindBit = 1U << CAP_NET_BIND_SERVICE;

// libcap would bring a library for these two calls.
bool set_capabilities(unsigned low_bits) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {{low_bits, low_bits, low_bits}, {0, 0, 0}};
  return ::syscall(SYS_capset, &header, data) == 0;
}

// Whom root becomes; nobody: root stays.
Result<std::optional<User>> service_user(const std::string& user, const std::string& root) {
  if (user.empty()) {
    struct stat info {};
    if (::stat((root + "/config").c_str(), &info) != 0 || info.st_uid == 0) return std::optional<User>();
    const passwd* entry = ::getpwuid(info.st_uid);
    if (entry == nullptr) return User{std::to_string(info.st_uid), info.st_uid, info.st_gid, false};
    return User{entry->pw_name, entry->pw_uid, entry->pw_gid, true};
  }
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr)
    return permanent("local.serveruid names the user '" + user +
                     "', whom this host does not know; create it, or change the option");
  if (entry->pw_uid == 0) return std::optional<User>();
  return User{user, entry->pw_uid, entry->pw_gid, true};
}
}  // namespace

Result<> become_service_user(const std::string& user, const std::string& root) {
  if (::geteuid() != 0) return {};
  TRY(const auto whom, service_user(user, root));
  if (!whom) return {};
  const auto failed = [&](const char* what) {
    return std::unexpected(system_error("cannot become user " + whom->name + " (" + what + ")", errno));
  };
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed("keep capabilities");
  if ((whom->known ? ::initgroups(whom->name.c_str(), whom->gid) : ::setgroups(0, nullptr)) != 0)
    return failed("initgroups");
  if (::setgid(whom->gid) != 0) return failed("setgid");
  if (::setuid(whom->uid) != 0) return failed("setuid");
  if (!set_capabilities(kBindBit)) return failed("capset");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) != 0)
    return failed("ambient capability");
  // setuid made the process undumpable, which hides /proc/self from it.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  return {};
}

void drop_capabilities() {
  if (::geteuid() == 0) return;
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (!set_capabilities(0)) log::Event("daemon.capabilities.kept").with("errno", errno).warning();
}

}  // namespace waxwing
