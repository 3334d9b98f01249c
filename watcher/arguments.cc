#include "watcher/arguments.h"

#include <string_view>

namespace waxwing {

Result<Arguments> parse_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--foreground") {
      arguments.foreground = true;
    } else if (word == "--trial") {
      arguments.trial = true;
    } else if (word == "--instance" && i + 1 < argc) {
      arguments.instance = argv[++i];
    } else if (word == "--resume" && i + 1 < argc) {
      arguments.resume = Inheritance::parse(argv[++i]);
      if (!arguments.resume) return permanent("--resume is for watcher itself");
    } else {
      return permanent("unknown argument '" + std::string(word) + "'; --help lists those there are");
    }
  }
  return arguments;
}

}  // namespace waxwing
