// find_instance (config.h): which folder a program works on.
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "common/base/path.h"
#include "common/config/config.h"

namespace waxwing {

namespace {

// Empty: there is no such path.
std::string resolved(const std::string& path) {
  char* const real = ::realpath(path.c_str(), nullptr);
  std::string result = real ? real : "";
  std::free(real);
  return result;
}

bool is_there(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// A place may be an instance or an installed tree that leads to one. Not every link of that name does: an operator may
// have moved the configuration alone elsewhere, and then what it leads to has no programs.
std::string home_of(const std::string& place) {
  const std::string root = resolved(place);
  if (root.empty()) return place;
  const std::string config = resolved(root + "/config");
  if (!config.ends_with("/config")) return root;
  const std::string home = parent_directory(config);
  return is_there(home + "/bin/watcher") ? home : root;
}

// The instance of a place; empty when there is none; an error when this user may not look.
Result<std::string> instance_at(const std::string& place) {
  std::string root = home_of(place);
  if (is_there(root + "/config/msg.conf")) return root;
  if (errno != EACCES) return std::string();
  return permanent(root +
                   "/config may not be entered by this user; be root or the user that runs the services");
}

}  // namespace

Result<std::string> find_instance(std::string_view from_argument) {
  if (!from_argument.empty()) {
    const std::string place(from_argument);
    TRY(std::string root, instance_at(place));
    if (!root.empty()) return root;
    return permanent("--instance " + place +
                     ": there is no config/msg.conf; make an instance with configure");
  }
  std::string tried;
  // AT_EXECFN is the path as executed: a symbolic link in an instance's bin/ still names the instance.
  if (const auto* executed = reinterpret_cast<const char*>(::getauxval(AT_EXECFN))) {
    const std::string folder = resolved(parent_directory(executed));
    if (folder.ends_with("/bin")) {
      const auto place = folder.substr(0, folder.size() - 4);
      TRY(std::string root, instance_at(place));
      if (!root.empty()) return root;
      tried += place + ", ";
    }
  }
  if (const char* named = std::getenv("WAXWING_ROOT")) {
    TRY(std::string root, instance_at(named));
    if (!root.empty()) return root;
    tried += std::string(named) + " ($WAXWING_ROOT), ";
  }
  const std::string standard = "/opt/waxwing";
  TRY(std::string root, instance_at(standard));
  if (!root.empty()) return root;
  return permanent("no instance found (looked in " + tried + standard +
                   "); run the command from an instance's bin folder or give --instance DIR");
}

}  // namespace waxwing
