#include "tools/imsimta/log_files.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <tuple>

#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing::imsimta {

bool fits_pattern(std::string_view name, std::string_view pattern) {
  const std::string text(name), wanted(pattern);
  return ::fnmatch(wanted.c_str(), text.c_str(), 0) == 0 ||
         ::fnmatch((wanted + ".log").c_str(), text.c_str(), 0) == 0;
}

Result<std::vector<LogVersion>> log_versions(const std::string& root, std::string_view pattern) {
  pattern.remove_prefix(std::min(pattern.size(), pattern.rfind('/') + 1));
  TRY(const auto names, list_directory(root + "/log"));
  std::vector<LogVersion> versions;
  for (const auto& name : names) {
    struct stat status {};
    if (::stat((root + "/log/" + name).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    LogVersion version{name, name, 0, static_cast<std::uint64_t>(status.st_size), status.st_mtime};
    const auto dot = name.rfind('.');
    if (const auto age = dot == name.npos ? std::nullopt : to_number<std::size_t>(name.substr(dot + 1))) {
      version.base = name.substr(0, dot);
      version.age = *age;
    }
    if (pattern.empty() || fits_pattern(version.base, pattern)) versions.push_back(std::move(version));
  }
  std::ranges::sort(versions, [](const LogVersion& a, const LogVersion& b) {
    return std::tie(a.base, b.age) < std::tie(b.base, a.age);
  });
  return versions;
}

}  // namespace waxwing::imsimta
