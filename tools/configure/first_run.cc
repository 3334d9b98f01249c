#include "tools/configure/first_run.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "common/base/file.h"

namespace waxwing::configure {

FirstRun::FirstRun(std::string folder) : folder_(std::move(folder)), was_there_(file_exists(folder_)) {
  const auto names = list_directory(folder_);
  if (names) names_ = *names;
  kept_ = was_there_ && !names;  // who cannot see what was there removes nothing
}

FirstRun::~FirstRun() {
  if (kept_) return;
  const auto names = list_directory(folder_);
  if (!names) return;
  for (const std::string& name : *names) {
    if (std::ranges::find(names_, name) != names_.end()) continue;
    if (const auto gone = remove_tree(folder_ + "/" + name); !gone)
      fmt::print(stderr, "configure: {}; remove it before the next run\n", gone.error().text);
  }
  if (!was_there_) ::rmdir(folder_.c_str());
}

}  // namespace waxwing::configure
