#include "common/base/whose.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/path.h"

namespace waxwing {

std::string user_name(uid_t uid) {
  passwd entry{}, *found = nullptr;
  char names[4096];
  if (::getpwuid_r(uid, &entry, names, sizeof names, &found) == 0 && found != nullptr) return entry.pw_name;
  return std::to_string(uid);
}

std::string whose(const std::string& path) {
  std::string at = path;
  struct stat info {};
  // What is not there, or behind a folder that is closed to us: then it is about that folder.
  while (::stat(at.c_str(), &info) != 0) {
    auto above = parent_directory(at);
    if (above == at || above.empty()) return {};
    at = std::move(above);
  }
  if (info.st_uid == ::geteuid()) return {};
  return "; " + at + " belongs to " + user_name(info.st_uid) + ", not to " + user_name(::geteuid());
}

}  // namespace waxwing
