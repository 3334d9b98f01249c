#include "t/fuzz/frame/scratch.h"

#include <unistd.h>

#include <filesystem>
#include <set>

namespace waxwing::fuzz {

namespace {
struct Folder {
  const std::string path = std::string(std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp") +
                           "/waxwing-fuzz-" + std::to_string(::getpid());
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};
}  // namespace

std::string scratch(const std::string& name) {
  static const Folder folder;
  static std::set<std::string> made;
  const auto path = folder.path + "/" + name;
  if (made.insert(name).second) {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  return path;
}

}  // namespace waxwing::fuzz
