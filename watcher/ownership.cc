#include "watcher/ownership.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/base/file.h"
#include "common/base/whose.h"

namespace waxwing {

namespace {
constexpr std::array kFolders{"run", "log", "journal", "queue"};

// Another's, and not shared with us.
bool is_closed(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || S_ISLNK(info.st_mode)) return false;
  return info.st_uid != ::geteuid() && ::access(path.c_str(), R_OK | W_OK) != 0 && errno == EACCES;
}

// Of the logs only those that are written to: what became of older ones is the operator's business.
bool is_written(std::string_view folder, std::string_view name) {
  return folder != "log" || name.ends_with(".log") || name.ends_with("_current");
}

Result<> closed(const std::string& root, const std::string& path) {
  struct stat info {};
  (void)::lstat(path.c_str(), &info);
  std::string command = "chown -R " + user_name(::geteuid());
  for (const auto* folder : kFolders)
    if (file_exists(root + "/" + folder)) command += " '" + root + "/" + folder + "'";
  return permanent(path + " belongs to " + user_name(info.st_uid) + ", and the services run as " +
                   user_name(::geteuid()) + ": as root, run " + command + " and start again");
}
}  // namespace

Result<> services_own(const std::string& root) {
  if (::geteuid() == 0) return {};
  for (const std::string folder : kFolders) {
    const auto path = root + "/" + folder;
    if (is_closed(path)) return closed(root, path);
    const auto names = list_directory(path);
    if (!names) continue;
    for (const auto& name : *names)
      if (is_written(folder, name) && is_closed(path + "/" + name)) return closed(root, path + "/" + name);
  }
  return {};
}

}  // namespace waxwing
