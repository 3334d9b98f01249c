// The command line of watcher(8).
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "watcher/renewal.h"

namespace waxwing {

struct Arguments {
  std::string instance;
  bool foreground = false, trial = false;
  std::optional<Inheritance> resume;  // we are the same process with a new program
};

Result<Arguments> parse_arguments(int argc, char** argv);

}  // namespace waxwing
