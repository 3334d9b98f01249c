#include "tools/imsimta/printer.h"

#include <fmt/format.h>

#include "common/config/config.h"
#include "tools/options/option_file.h"

namespace waxwing::imsimta {
namespace {

Result<std::unique_ptr<mta::DirectoryView>> open(const std::string& root, const mta::MtaConfig* mta_config) {
  TRY(auto config, load_for_tool(root, "imsimta", {"directory."}));
  TRY(auto settings, directory::Settings::from(*config));
  if (mta_config) TRY_VOID(mta::apply_directory_options(mta_config->options(), settings));
  TRY(auto directory, directory::Directory::open(std::move(settings)));
  return mta::view_of(std::move(directory));
}

}  // namespace

void Printer::say(const std::string& line) {
  fmt::print("{}\n", line);
}

std::unique_ptr<mta::DirectoryView> directory_for_tool(const std::string& root,
                                                       const mta::MtaConfig* config) {
  auto view = open(root, config);
  if (view) return std::move(*view);
  fmt::print(stderr, "imsimta: going on without directory: {}\n", view.error().text);
  return nullptr;
}

}  // namespace waxwing::imsimta
