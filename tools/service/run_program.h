// Running another program and taking what it says.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace waxwing {

struct Ended {
  int status = 0;      // exit status; 128 + number for a signal
  std::string output;  // standard output, and standard error where asked for
};

// Waits for it. command[0] is looked for in PATH when it has no slash. Standard input is /dev/null; standard
// error joins the output when with_errors, else it stays ours.
Result<Ended> run_program(const std::vector<std::string>& command, bool with_errors);

// The same, but an error with the last of its words when it ends with anything but 0; answers the output.
Result<std::string> run_well(const std::vector<std::string>& command);

}  // namespace waxwing
