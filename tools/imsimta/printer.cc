#include "tools/imsimta/printer.h"

#include <fmt/format.h>

#include "common/config/config.h"
#include "tools/options/option_file.h"

namespace waxwing::imsimta {
namespace {

Result<std::unique_ptr<mta::DirectoryView>> open(const std::string& root) {
  TRY(auto config, load_for_tool(root, "imsimta", {"directory."}));
  TRY(auto directory, directory::Directory::open(*config));
  return mta::view_of(std::move(directory));
}

}  // namespace

void Printer::say(const std::string& line) {
  fmt::print("{}\n", line);
}

std::unique_ptr<mta::DirectoryView> directory_for_tool(const std::string& root) {
  auto view = open(root);
  if (view) return std::move(*view);
  fmt::print(stderr, "imsimta: going on without directory: {}\n", view.error().text);
  return nullptr;
}

}  // namespace waxwing::imsimta
