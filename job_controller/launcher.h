// Starts channel programs and learns of their end.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/net/loop.h"

namespace waxwing::job_controller {

// Splits a MASTER_COMMAND at blanks and finds the program: "IMTA_EXE:name" and a bare name are looked for in
// ROOT/bin, then beside this program; an absolute path is taken as it is. Error when it is not there.
Result<std::vector<std::string>> resolve_command(const std::string& root, const std::string& command);

// Starts argv[0] with its standard input from /dev/null, the environment of this process and more variables.
// ended is called on the loop, once, with what waitpid() said as text ("exit 0", "signal 9").
Result<pid_t> launch(EventLoop& loop, const std::vector<std::string>& argv,
                     const std::vector<std::pair<std::string, std::string>>& environment,
                     std::function<void(bool clean, std::string how)> ended);

}  // namespace waxwing::job_controller
