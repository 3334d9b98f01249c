#include "common/base/path.h"

#include <unistd.h>

namespace waxwing {

std::string parent_directory(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string program_directory() {
  char path[4096];
  const auto length = ::readlink("/proc/self/exe", path, sizeof path);
  return parent_directory(std::string(path, length > 0 ? static_cast<std::size_t>(length) : 0));
}

}  // namespace waxwing
