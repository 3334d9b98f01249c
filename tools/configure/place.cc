#include "tools/configure/place.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "tools/configure/folders.h"
#include "tools/service/watcher_client.h"

namespace waxwing::configure {

namespace {

Result<> check_writable(const std::string& folder) {
  std::string there = folder;
  while (!file_exists(there)) there.resize(std::max<std::size_t>(there.rfind('/'), 1));
  if (::access(there.c_str(), W_OK | X_OK) == 0) return {};
  return std::unexpected(
      system_error(there + " cannot be written; run configure as root, or choose another folder", errno));
}

bool is_ours(const std::string& name) {
  return name == "lost+found" ||
         std::ranges::find(kInstanceFolders, name, &InstanceFolder::name) != std::end(kInstanceFolders);
}

Result<> check_contents(const std::string& folder) {
  if (!file_exists(folder) || file_exists(folder + "/config/msg.conf")) return {};
  TRY(const auto names, list_directory(folder));
  for (const std::string& name : names)
    if (!is_ours(name))
      return permanent(folder + " holds other things ('" + printable(name) +
                       "') and no instance; choose an empty folder");
  return {};
}

}  // namespace

Result<> check_name(const std::string& folder) {
  if (folder.find('\n') != std::string::npos)
    return permanent("the folder's name must not hold a line break");
  if (folder.find(':') == std::string::npos) return {};
  return permanent("the folder's name must not hold a colon, which parts the folders in PATH and MANPATH: '" +
                   printable(folder) + "'; choose another");
}

Result<> check_place(std::string& folder) {
  if (folder.empty() || folder.front() != '/')
    return permanent("the folder for configuration and data must be a full path, not '" + printable(folder) +
                     "'");
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  TRY_VOID(check_name(folder));
  TRY_VOID(check_writable(folder));
  TRY_VOID(check_contents(folder));
  TRY(const bool runs, watcher_runs(folder));
  if (runs) return permanent("services run in " + folder + "; stop them first: " + folder + "/bin/stop-msg");
  return {};
}

Result<> check_empty(const std::string& folder) {
  TRY_VOID(check_name(folder));
  TRY(const auto names, list_directory(folder));
  for (const std::string& name : names)
    if (name != "lost+found")
      return permanent(folder + " is not empty ('" + printable(name) +
                       "'): a private instance wants a folder to itself; choose an empty one, or a new name");
  return check_writable(folder);
}

Result<> check_user(const std::string& user) {
  if (user.empty()) return permanent("the user that runs the servers is missing");
  const passwd* entry = ::getpwnam(user.c_str());
  if (::geteuid() != 0) {
    if (entry != nullptr && entry->pw_uid == ::geteuid()) return {};
    return permanent("only root can have servers run as '" + printable(user) +
                     "'; run configure as root, or name yourself");
  }
  if (entry != nullptr) return {};
  const bool good = user.size() <= 32 && !is_digit(user.front()) && user.front() != '-' &&
                    std::ranges::all_of(user, [](char c) { return is_alnum(c) || c == '_' || c == '-'; });
  if (good) return {};
  return permanent("'" + printable(user) + "' cannot be the name of a user");
}

}  // namespace waxwing::configure
