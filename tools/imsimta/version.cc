// imsimta version.
#include <fmt/format.h>

#include "mta/config/build_file.h"
#include "tools/imsimta/command.h"

#ifndef WAXWING_VERSION
#define WAXWING_VERSION "1.0"
#endif

namespace waxwing::imsimta {

Result<int> run_version(const Context& context, Arguments arguments) {
  TRY_VOID(arguments.finish("version"));
  fmt::print("Waxwing Messaging Server {}\ninstance {}\n", WAXWING_VERSION, context.root);
  const auto build = mta::read_build(context.root);
  fmt::print("published MTA configuration: {}\n", build ? build->id : "none: " + build.error().text);
  return 0;
}

}  // namespace waxwing::imsimta
