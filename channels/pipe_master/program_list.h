// config/programs: the programs that mail may be given to, by method name. Man page: programs(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing::channels {

struct ListedProgram {
  std::string method;  // lower case
  std::string
      account;  // "user": the recipient's own; "postmaster": that of the service; else an account's name
  std::string program;                 // absolute, or a name in ROOT/site-programs
  std::vector<std::string> arguments;  // "%s" in them is the user
};

// All errors, one a line, each with its line number.
Result<std::vector<ListedProgram>> parse_program_list(std::string_view text);
// An empty list when the file is not there.
Result<std::vector<ListedProgram>> read_program_list(const std::string& root);
Result<> write_program_list(const std::string& root, const std::vector<ListedProgram>& programs);
// Case-blind; null when there is none.
const ListedProgram* find_program(const std::vector<ListedProgram>& programs, std::string_view method);

std::string program_path(const std::string& root, const std::string& program);
// What must hold of a program when it is listed, and again before it is run: a file that can be executed and that
// only root or the service may change, in folders of which the same is true.
Result<> check_program(const std::string& path);

}  // namespace waxwing::channels
