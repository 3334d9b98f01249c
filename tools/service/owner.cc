#include "tools/service/owner.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace waxwing {

Result<> become_owner_of(const std::string& root) {
  struct stat info {};
  if (::geteuid() != 0 || ::stat((root + "/config").c_str(), &info) != 0 || info.st_uid == 0) return {};
  const passwd* entry = ::getpwuid(info.st_uid);
  const bool groups = entry == nullptr || ::initgroups(entry->pw_name, entry->pw_gid) == 0;
  if (!groups || ::setgid(entry == nullptr ? info.st_gid : entry->pw_gid) != 0 || ::setuid(info.st_uid) != 0)
    return std::unexpected(system_error("cannot become the owner of " + root + "/config", errno));
  return {};
}

}  // namespace waxwing
