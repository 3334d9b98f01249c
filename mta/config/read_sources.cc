// Collects the texts of ROOT/config for a build.
#include <sys/stat.h>

#include <algorithm>

#include "common/base/file.h"
#include "common/config/config.h"
#include "mta/config/mta_config.h"

namespace waxwing::mta {
namespace {

constexpr std::size_t kMaxFileBytes = 32 << 20;
constexpr std::size_t kMaxTotalBytes = 128 << 20;

// Options and secrets are other rooms' business, and so are the answers that configure saved: they hold
// passwords and belong to root. Editors leave names like .x.swp, x~ and #x#.
bool is_wanted(const std::string& name) {
  if (name == "msg.conf" || name == "secrets.conf" || name == "saveState" || name.empty()) return false;
  if (name.find(' ') != name.npos || name[0] == '.' || name[0] == '#') return false;
  return name.back() != '~' && !name.ends_with(".bak") && !name.ends_with(".tmp");
}

bool is_regular(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

Result<SourceSet> read_sources(const std::string& root) {
  SourceSet sources;
  TRY(auto config, Config::load(root));
  const auto folder = root + "/config";
  TRY(auto names, list_directory(folder));
  std::size_t total = 0;
  for (const auto& name : names) {
    const auto path = folder + "/" + name;
    if (!is_wanted(name) || !is_regular(path)) continue;
    TRY(auto text, read_file(path, kMaxFileBytes));
    if ((total += text.size()) > kMaxTotalBytes)
      return permanent(folder + " holds more than 128 MB; move what is no configuration elsewhere");
    sources.set_file(name, std::move(text));
  }
  sources.set_symbol("IMTA_HOST", config->text("local.hostname"));
  auto domain = config->text("local.defaultdomain");
  if (domain.empty()) domain = config->text("local.hostname");
  sources.set_symbol("IMTA_DEFAULTDOMAIN", domain);
  auto aliases = config->text("mta.hostaliases");
  std::ranges::replace(aliases, ',', ' ');
  sources.set_symbol("IMTA_HOSTALIASES", aliases);
  return sources;
}

}  // namespace waxwing::mta
