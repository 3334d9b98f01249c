#include "common/daemon/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "common/log/log.h"

namespace waxwing {

namespace {
constexpr unsigned kBindBit = 1U << CAP_NET_BIND_SERVICE;

// libcap would bring a library for these two calls.
bool set_capabilities(unsigned low_bits) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {{low_bits, low_bits, low_bits}, {0, 0, 0}};
  return ::syscall(SYS_capset, &header, data) == 0;
}
}  // namespace

Result<> become_service_user(const std::string& user) {
  if (user.empty() || ::geteuid() != 0) return {};
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr)
    return permanent("local.serveruid names the user '" + user +
                     "', whom this host does not know; create it, or change the option");
  if (entry->pw_uid == 0) return {};
  const auto failed = [&](const char* what) {
    return std::unexpected(system_error("cannot become user " + user + " (" + what + ")", errno));
  };
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed("keep capabilities");
  if (::initgroups(user.c_str(), entry->pw_gid) != 0) return failed("initgroups");
  if (::setgid(entry->pw_gid) != 0) return failed("setgid");
  if (::setuid(entry->pw_uid) != 0) return failed("setuid");
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
