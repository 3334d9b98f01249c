// The frame of a command that works on the message store.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <string>

#include "store/store.h"
#include "tools/service/command_line.h"

namespace waxwing {

// The store of that instance, opened as the user whom it belongs to. program: whose name stands before the
// warnings of lines in msg.conf that are broken and not needed for this.
Result<std::shared_ptr<store::Store>> open_store(const std::string& instance, const std::string& program);

// What main() answers: 2 when the arguments are not understood, 1 when run fails, else what run says.
template <class Parse, class Run>
int store_tool(const char* name, const char* usage, int argc, char** argv, Parse parse, Run run) {
  if (only_asks_for_help(argc, argv)) {
    std::puts(usage);
    return 0;
  }
  const auto arguments = parse(argc, argv);
  if (!arguments) {
    fmt::print(stderr, "{}\n", store::text_of(arguments.error()));
    return 2;
  }
  const Result<int> status = run(*arguments);
  if (status) return *status;
  fmt::print(stderr, "{}: {}\n", name, store::text_of(status.error()));
  return 1;
}

}  // namespace waxwing
