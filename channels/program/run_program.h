// Gives a message to a program, within limits of time, output and processes. Blocks: for a worker.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace waxwing::channels {

struct ProgramOrder {
  std::vector<std::string> words;                                // the program and its arguments
  std::vector<std::pair<std::string, std::string>> environment;  // all of it
  std::string account;
  std::uint32_t uid = 0, gid = 0;
  unsigned seconds = 0;
  std::size_t output_bytes = 0;
  std::uint64_t processes = 0;
  std::uint64_t file_bytes = 0;  // of each file that it writes; 0: no limit
};

struct ProgramEnd {
  int status = 0;         // as the keeper has it, see keeper.h
  std::string output;     // standard output and error, cut at the limit
  bool too_much = false;  // it wrote more than allowed and was ended
};

// next: the next piece of its standard input, "" at the end; an error ends the program.
Result<ProgramEnd> run_kept_program(const ProgramOrder& order,
                                    const std::function<Result<std::string>()>& next);

}  // namespace waxwing::channels
