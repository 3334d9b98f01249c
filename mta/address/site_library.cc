#include "mta/address/site_library.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <mutex>

#include "common/base/strings.h"

namespace waxwing::mta {
namespace {

// Whoever can write the library or change what its name stands for is the daemon.
Result<> check_owner(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return std::unexpected(system_error("site routines " + path, errno));
  const bool ours = status.st_uid == 0 || status.st_uid == ::geteuid();
  if (!S_ISREG(status.st_mode) || !ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return permanent(
        "site routines " + path +
        " are not called: the file must belong to root or to the user of the instance, and nobody "
        "else may write it");
  return {};
}

Result<void*> open_library(const std::string& path) {
  TRY_VOID(check_owner(path));
  auto* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const auto* why = ::dlerror();
    return permanent("site routines " + path + " cannot be opened: " + (why ? why : "no reason given"));
  }
  const auto* version = static_cast<const int*>(::dlsym(library, "waxwing_site_abi"));
  if (!version) {
    ::dlclose(library);
    return permanent(
        "site routines " + path +
        " are not called: the library has no waxwing_site_abi, by which it says that it was made for "
        "this; define int waxwing_site_abi = WAXWING_SITE_ABI in it");
  }
  if (*version != WAXWING_SITE_ABI)
    return permanent("site routines " + path + " were built for calling sequence " +
                     std::to_string(*version) + ", this program has " + std::to_string(WAXWING_SITE_ABI) +
                     "; build them with include/waxwing/site_routine.h");
  return library;
}

Result<waxwing_site_routine*> load(const std::string& root, const std::string& name) {
  const auto comma = name.find(',');
  const auto library = name.substr(0, comma), routine = name.substr(comma + 1);
  const auto path = library.starts_with('/') ? library : root + "/site-programs/" + library;
  TRY(auto* handle, open_library(path));
  auto* found = ::dlsym(handle, routine.c_str());
  if (found == nullptr) return permanent("site routines " + path + " have no routine " + routine);
  return reinterpret_cast<waxwing_site_routine*>(found);
}

}  // namespace

Result<waxwing_site_routine*> find_site_routine(const std::string& root, const std::string& name,
                                                const MayOpen& may_open) {
  static std::mutex mutex;
  static std::map<std::string, waxwing_site_routine*> known;
  const std::lock_guard lock(mutex);
  const auto key = root + "\n" + name;
  if (const auto found = known.find(key); found != known.end()) return found->second;
  if (name.starts_with('/') && !may_open())
    return permanent(
        "site routines " + name.substr(0, name.find(',')) +
        " are not opened: an absolute path must stand in a rule or a mapping of the configuration; "
        "put the library into site-programs and call it by its name");
  TRY(auto* routine, load(root, name));
  known.emplace(key, routine);
  return routine;
}

}  // namespace waxwing::mta
